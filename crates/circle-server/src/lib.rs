//! What Circle decides: the API, hooks, the worker protocol, the queue, and the loops that turn deliveries into runs.
//!
//! [`serve`] is the way in. The process needs no root; it holds every credential and gives each run only what its
//! trigger may read. Promises: a hook is on the disk before it is understood; a run changes only through
//! `circle_core::run::Run::apply` and a compare-and-swap; a report of a lost lease changes nothing; every loop is
//! idempotent, takes no input, is woken by notice and repeats by period.
//!
//! Absences: no handler writes two aggregates that must agree; no state is read from a log line; nothing waits for a
//! slow reader; no internal error text leaves the process.

mod auth;
pub mod backup;
mod config;
pub mod deploy;
mod docker;
pub mod forge;
mod hosts;
mod http;
mod identity;
mod limits;
mod metrics;
mod notify;
mod queue;
mod reconcile;
pub mod records;
mod runs;
mod serve;
mod server;
mod time;
mod vault;

pub use auth::FirstStartError;
pub use config::{ListenConfig, ServerConfig};
pub use http::{PUBLIC, WORKER_ROUTES, openapi};
pub use notify::{MailConfig, MailConfigError, MailTls};
pub use serve::{ListenError, Listeners, ServeError, serve};
pub use server::{Server, Stores};
pub use vault::{KeySource, Vault, VaultError};
