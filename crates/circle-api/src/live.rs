//! The live WebSocket of a run: its state as it changes, and its log from any place.
//!
//! The client opens [`RUN_LIVE`](crate::routes::RUN_LIVE) and sends one [`Subscribe`](ClientMessage::Subscribe) within
//! [`SUBSCRIBE_SECONDS`]. Text messages are JSON. Binary messages from the server are log frames as the worker protocol
//! writes them ([`frames`](crate::worker::frames)): chunks with stage, attempt and offset, and marks of groups.
//!
//! - Within a stage and attempt, chunks come in order and without holes, from the offset asked for.
//! - Marks come in their place between the bytes, from the offset asked for; those at that very offset may come again.
//! - A chunk of a higher attempt means that what was shown of the stage before is void.
//! - A client that reconnects asks for the offsets that it has; nothing is lost and nothing comes twice.
//! - The server sends at most `window_bytes` of log that are not acknowledged; then it waits. A client that acknowledges
//!   nothing for [`STALLED_SECONDS`] while its window is full is disconnected with [`CLOSE_SLOW`].
//! - After the run has ended and every byte is sent the server sends [`End`](ServerMessage::End) and closes with 1000.

use circle_core::ids::RunId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::resources::RunView;

/// From the upgrade to the first message, in seconds.
pub const SUBSCRIBE_SECONDS: u64 = 10;
/// Without an acknowledgement while the window is full, in seconds.
pub const STALLED_SECONDS: u64 = 60;
/// Between two WebSocket pings of the server, in seconds.
pub const PING_SECONDS: u64 = 15;
/// The window when a client names none, in bytes.
pub const DEFAULT_WINDOW_BYTES: u64 = 1024 * 1024;
/// The largest window, in bytes; a larger wish counts as this.
pub const MAX_WINDOW_BYTES: u64 = 8 * 1024 * 1024;
/// Longest message from a client, in bytes.
pub const MAX_CLIENT_MESSAGE_BYTES: usize = 64 * 1024;
/// Longest message from the server, in bytes; several frames may share one.
pub const MAX_SERVER_MESSAGE_BYTES: usize = 1024 * 1024;
/// Close code: the client read too slowly. It may come back with its offsets.
pub const CLOSE_SLOW: u16 = 4008;
/// Close code: the right to follow the run is gone: the credential ended, or the role. Coming back does not help.
pub const CLOSE_FORBIDDEN: u16 = 4003;
/// Close code: the server goes down. The client comes back with its offsets.
pub const CLOSE_GOING_AWAY: u16 = 1001;
/// Close code: a message was not understood; the reason says what.
pub const CLOSE_BAD_MESSAGE: u16 = 4000;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "message", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// The first and only one of its kind.
    Subscribe {
        /// Whether log frames are wanted; else only state.
        #[serde(default)]
        logs: bool,
        /// Only these stages; empty = all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        stages: Vec<String>,
        /// Where to begin in stages of which something is known; others begin at 0.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        from: Vec<Place>,
        /// Bytes of log that may be under way unacknowledged; 1 MiB when absent, at most 8 MiB.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        window_bytes: Option<u64>,
    },
    /// So many bytes of log were taken in since the connection was opened, all stages together.
    Ack { bytes: u64 },
}

/// A place in the log of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Place {
    pub stage: String,
    /// The attempt that the offset belongs to; when a newer one exists, its log is sent from 0.
    pub attempt: u32,
    /// The first byte wanted.
    pub offset: u64,
}

/// What the server says besides log frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "message", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The run as it stands; first at once, then after every change. Changes that follow quickly may be told as one.
    Run { run: Box<RunView> },
    /// Everything was sent.
    End {
        #[schema(value_type = String)]
        run: RunId,
    },
}
