//! The Docker daemon of a cell: how it is started, its log, and the three requests that Circle's cells make of it.

mod arguments;
mod containerd;
mod http;
mod log;

pub(crate) use arguments::{arguments, daemon_program};
pub(crate) use containerd::containerd_of;
pub(crate) use http::{load_image, make_network, ping, wait_until_ready};
pub(crate) use log::{DaemonLog, collect};
