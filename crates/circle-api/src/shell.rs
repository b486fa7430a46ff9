//! The WebSocket of a shell in the held cell of a failed run.
//!
//! A client opens [`RUN_SHELL`](crate::routes::RUN_SHELL); the server tells the worker that holds the cell, which opens a
//! WebSocket of its own, and passes messages both ways. Binary messages are bytes of the terminal, at most
//! [`MAX_MESSAGE_BYTES`]. Text messages are JSON, [`ShellMessage`]. The client's first message is its size.
//!
//! The connection ends with [`ShellMessage::Ended`] or [`ShellMessage::Refused`], and a close.

use serde::{Deserialize, Serialize};

/// Longest message of either side, in bytes.
pub const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// From the order to the worker's connection, in seconds.
pub const ANSWER_SECONDS: u64 = 15;
/// The longest that a cell is held and a shell may last, in seconds.
pub const HOLD_SECONDS: u64 = 1_800;

/// What is said beside the terminal's bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ShellMessage {
    /// From the client: the size of its terminal, at the beginning and whenever it changes.
    Size { columns: u16, rows: u16 },
    /// From the worker: where the shell runs.
    Opened { stage: String, image: String },
    /// From the worker: the shell ended by itself.
    Ended { exit_code: Option<i64> },
    /// There is no shell, or no more; a sentence.
    Refused { reason: String },
}
