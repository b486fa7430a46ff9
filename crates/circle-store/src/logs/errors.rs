//! What can go wrong with logs, named for what a caller can do.

use super::StreamId;

/// Why a log was not appended to or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Something between is missing: send from the expected place on.
    #[error("{stream:?} goes on at {expected}, not at {given}")]
    Hole {
        /// Which stream.
        stream: StreamId,
        /// The offset (of a chunk) or the number (of a mark) that comes next.
        expected: u64,
        /// What came instead.
        given: u64,
    },
    /// A newer attempt of the stage writes: stop sending.
    #[error("{stream:?} is superseded by attempt {current}")]
    Superseded {
        /// Which stream.
        stream: StreamId,
        /// The attempt that writes now.
        current: u32,
    },
    /// The stream has ended or the run is closed: stop sending.
    #[error("the log is closed")]
    Closed,
    /// There is no such run or stream.
    #[error("there is no such log")]
    Missing,
    /// A bound: send less at once.
    #[error("the {what} has {bytes}, at most {limit} are taken")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
    /// No room on the disk: nothing of the append was kept; send it again when there is room.
    #[error("the log disk is full: make room, logging goes on by itself")]
    Full,
    /// Try again later; an append may or may not have taken effect, and may be repeated.
    #[error("the log store does not answer: {reason}")]
    Unavailable {
        /// What the system said.
        reason: String,
    },
    /// What is kept cannot be read.
    #[error("the log store is damaged: {reason}")]
    Corrupt {
        /// What was found, and where.
        reason: String,
    },
    /// The call itself is wrong: a mistake in the program.
    #[error("logs were asked wrongly: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
}

impl LogError {
    /// Whether the same call may succeed later without anybody deciding anew.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Full | Self::Unavailable { .. })
    }
}
