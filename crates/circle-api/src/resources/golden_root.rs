//! Golden roots: the warm disks that a worker keeps for its cells.

use circle_core::ids::{ServiceId, WorkerId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A golden root of one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GoldenRootView {
    #[schema(value_type = String)]
    pub worker: WorkerId,
    pub worker_name: String,
    /// The service that it belongs to; absent for the base, which every cell may begin from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub service: Option<ServiceId>,
    /// The service's name and the ref, or what the base holds.
    pub label: String,
    /// Grows by one with each renewal.
    pub generation: u64,
    /// Everything in it.
    pub total_bytes: u64,
    /// What it shares with no other root: what its removal frees.
    pub own_bytes: u64,
    pub made_at: Timestamp,
    /// The last time that a run began from it, or that it was made.
    pub used_at: Timestamp,
    /// Runs that began from it.
    pub hits: u64,
    /// Runs that wished to begin from it and found none.
    pub misses: u64,
}

/// Which golden roots of a worker are to go; the base stays.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GoldenRootsPrune {
    /// Only those of this service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub service: Option<ServiceId>,
    /// Only those that no run has begun from for so long, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused_s: Option<u64>,
}
