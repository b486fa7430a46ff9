//! Starting, listening, ending.

mod connections;
mod listeners;
mod start;

pub use listeners::{Listeners, ListenError};
pub use start::{ServeError, serve};
