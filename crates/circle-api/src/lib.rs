//! What Circle says on the wire: requests and responses of the API, the worker protocol, and a client.
//!
//! Wire types are not domain types: what a person or a program reads of a run is a view made by a function
//! ([`resources::RunView::of`]), so that the stored document may change without the API.
//!
//! - [`resources`]: requests and responses of `/api/v1`, with their bounds.
//! - [`routes`]: the paths, used by server and client alike; the table with methods and bodies stands there.
//! - [`events`]: what happens to runs, as Server-Sent Events.
//! - [`live`]: messages of the live WebSocket: the run's state and its log.
//! - [`shell`]: messages of the WebSocket of a shell in a held cell.
//! - [`worker`]: the worker protocol.
//! - `client` (feature `client`): typed calls over TCP or a unix socket.

#[cfg(feature = "client")]
pub mod client;
pub mod events;
pub mod live;
pub mod resources;
pub mod routes;
pub mod shell;
pub mod worker;
