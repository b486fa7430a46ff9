//! Real git servers on loopback: `git daemon`, and `git http-backend` behind a small HTTP server that remembers.

mod daemon;
mod repository;
mod web;

pub(crate) use daemon::Daemon;
pub(crate) use repository::{Work, git};
pub(crate) use web::Web;
