//! The server about itself, and the ids of the keys under which it seals.

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

/// Every master key, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MasterKeysView {
    pub keys: Vec<MasterKeyView>,
}

/// One master key; the key itself never leaves the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MasterKeyView {
    pub id: String,
    /// Whether it seals what is set now; the others open what was sealed before.
    pub seals: bool,
    /// How many values are sealed under it.
    pub values: u64,
}
