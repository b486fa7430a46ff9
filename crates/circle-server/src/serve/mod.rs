//! Starting, listening, ending.

mod connections;
mod listeners;
mod start;

pub use listeners::{ListenError, Listeners};
pub use start::{ServeError, serve};
