//! What there is of a run's log.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::worker::SecretValue;

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
    /// The line that it begins with, from 0.
    pub from_line: u64,
    /// Where it ends; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_offset: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// Most lines of one answer.
pub const MAX_LOG_LINES: u64 = 5_000;

/// Which lines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogLinesQuery {
    /// The first line wanted, from 0; beyond the end, the answer is empty.
    #[serde(default)]
    pub from: u64,
    /// Lines, 1 to 5,000; 1,000 when absent. Fewer come when they are long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 5000)]
    pub count: Option<u64>,
}

/// Some lines of a stage's log, as text: what is no UTF-8 stands as U+FFFD.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLines {
    /// The attempt that they belong to.
    pub attempt: u32,
    /// The number of the first line, from 0.
    pub from: u64,
    /// Where it begins in the stage's bytes.
    pub offset: u64,
    /// Ask for this line to read on.
    pub next: u64,
    /// Without their line ends. A line longer than a slice is cut: the bytes are read by `Range`.
    pub lines: Vec<String>,
    /// All lines of the stage that end with a line end.
    pub total: u64,
    /// All bytes of the stage.
    pub bytes: u64,
    /// Nothing will be added.
    pub complete: bool,
}

/// Opens the live WebSocket of one run once, for a browser, which cannot send a token there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LiveTicket {
    /// Goes into the address: `…/live?ticket=<ticket>`.
    #[schema(value_type = String, format = Password)]
    pub ticket: SecretValue,
    /// Seconds that it is good for.
    pub expires_in_s: u64,
}
