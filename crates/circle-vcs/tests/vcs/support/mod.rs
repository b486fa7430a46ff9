//! Repositories, and `git daemon` for those who ask for no password.

mod daemon;
mod nowhere;
mod repository;

pub(crate) use daemon::Daemon;
pub(crate) use nowhere::nowhere;
pub(crate) use repository::{Work, git};
