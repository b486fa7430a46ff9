//! What there is of a run's log.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The log of a run, stage by stage; the bytes are read by `Range` or live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogIndex {
    /// In the order of the run.
    pub stages: Vec<StageLog>,
    /// Nothing more follows.
    pub closed: bool,
}

/// The log of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageLog {
    pub stage: String,
    /// The attempt whose log it is; older ones are gone.
    pub attempt: u32,
    pub bytes: u64,
    /// Ended by a newline, or the last one.
    pub lines: u64,
    /// Commands, build steps, sidecars; at most 10,000, in order of their beginning.
    pub groups: Vec<LogGroup>,
}

/// A group of lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogGroup {
    /// Unique in the stage.
    pub group: u32,
    /// The command's text, the step's name; at most 1,000 characters.
    pub title: String,
    /// Where it begins in the stage's bytes.
    pub from_offset: u64,
    /// Where it ends; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_offset: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}
