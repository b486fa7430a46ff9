//! A client for the API, over TCP, TLS or a unix socket.
//!
//! Promises: every answer is read up to a named bound; the token is sent to the one endpoint only, redirects are never
//! followed; an error is one sentence that a person can act on. Absences: nothing is retried behind the caller's back
//! but the live connection, which goes on where it was.

mod calls;
mod connection;
mod download;
mod endpoint;
mod errors;
mod events;
mod follow;
mod places;
mod shell;
mod socket;

pub use connection::{CALL_SECONDS, CONNECT_SECONDS, Client, MAX_ANSWER_BYTES};
pub use download::{Download, SILENCE_SECONDS};
pub use endpoint::{Endpoint, EndpointError};
pub use errors::ApiError;
pub use events::{Events, RunNews};
pub use follow::{Follow, FollowWish, LiveEvent, RECONNECT_SECONDS};
pub use shell::{ShellEvent, ShellSocket};
pub use socket::{Socket, open_by};
