//! Workers as people manage them; what they say themselves is [`crate::worker`].

pub mod host;

use circle_core::ids::{RunId, WorkerId, WorkspaceId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::worker::SecretValue;

/// Lets one new worker in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnrolmentCreate {
    /// How long the token works, in seconds, 60 to 604,800; 3,600 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60, maximum = 604_800)]
    pub valid_s: Option<u64>,
    /// The name of the workspace whose worker it becomes: such a worker gets that workspace's runs alone, and none of
    /// strangers. The instance's, which takes everybody's, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// The name or id of a known worker of the same workspace that lost its token: the new one takes its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<String>,
}

/// A one-time token, shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnrolmentCreated {
    #[schema(value_type = String, format = Password)]
    pub token: SecretValue,
    pub expires_at: Timestamp,
}

/// A worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerView {
    #[schema(value_type = String)]
    pub id: WorkerId,
    pub name: String,
    pub state: WorkerState,
    /// The workspace that it belongs to; absent for the instance's, which take everybody's runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub workspace: Option<WorkspaceId>,
    /// Circle's version there.
    pub version: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    /// Cells at the same time.
    pub max_cells: u32,
    /// Cells kept warm.
    pub warm_cells: u32,
    pub memory_bytes: u64,
    pub cpus: u32,
    /// Runs that it holds a lease of.
    #[schema(value_type = Vec<String>)]
    pub runs: Vec<RunId>,
    /// The last time it was heard of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Where a worker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// Its orders stream is open.
    Connected,
    /// It is not heard of.
    Lost,
    /// It finishes what it has and takes nothing new.
    Draining,
}

impl WorkerState {
    /// The word of the wire, for tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Lost => "lost",
            Self::Draining => "draining",
        }
    }
}
