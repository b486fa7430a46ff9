//! The server about itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a client may want to know before anything else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServerView {
    /// Circle's version.
    pub version: String,
    /// The version of the worker protocol.
    pub worker_protocol: u32,
    /// The address under which people and hooks reach it.
    pub url: String,
    pub started_at: Timestamp,
    /// Runs that wait for a worker.
    pub queued_runs: u64,
    /// Runs with a worker or in deployment.
    pub active_runs: u64,
    /// Workers that are connected now.
    pub connected_workers: u64,
}
