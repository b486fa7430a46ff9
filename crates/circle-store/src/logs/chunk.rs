//! What is appended: chunks of bytes, marks beside them, and the end of a stream.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::LogError;

/// The most bytes of one chunk.
pub const CHUNK_BYTES: usize = 1024 * 1024;
/// The most bytes of one append, all chunks together: what a server holds in memory per worker.
pub const BATCH_BYTES: usize = 4 * 1024 * 1024;
/// The most entries of one append.
pub const BATCH_ENTRIES: usize = 4096;
/// The largest data of a mark as JSON text, in bytes.
pub const MARK_BYTES: usize = 16 * 1024;
/// The most marks of one stream: a script with more commands than that still logs, its commands are no groups any more.
pub const MARKS_PER_STREAM: usize = 100_000;
/// The longest name of a stage, and of a mark's kind, in bytes.
pub const STAGE_BYTES: usize = 200;
/// The most streams (stages times attempts) of one run.
pub const STREAMS_PER_RUN: usize = 1000;
/// The longest run id, in bytes; ids are letters, digits, `_` and `-`.
const RUN_BYTES: usize = 100;

/// One attempt of one stage, within a run.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct StreamId {
    /// The stage's name.
    pub stage: String,
    /// Counted from 1; a higher attempt supersedes the lower ones.
    pub attempt: u32,
}

impl StreamId {
    /// A stream by its parts.
    pub fn new(stage: impl Into<String>, attempt: u32) -> Self {
        Self {
            stage: stage.into(),
            attempt,
        }
    }
}

/// Bytes at a place in a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chunk {
    /// Whose bytes.
    pub stream: StreamId,
    /// Counts the stream's chunks from 0: how readers of a bus without conditional append drop duplicates.
    pub sequence: u64,
    /// How many bytes of the stream come before.
    pub offset: u64,
    /// At most [`CHUNK_BYTES`]; an empty chunk only makes the stream known.
    pub bytes: Bytes,
}

/// A note beside the bytes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Mark {
    /// Beside whose bytes.
    pub stream: StreamId,
    /// Counts the stream's marks from 0: the same mark twice is one.
    pub sequence: u64,
    /// Before which byte; not beyond what was appended.
    pub offset: u64,
    /// What it is, such as `group_begin`.
    pub kind: String,
    /// At most [`MARK_BYTES`] as text.
    pub data: Value,
}

/// One entry of an append; entries take effect in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    /// More bytes.
    Chunk(Chunk),
    /// A note.
    Mark(Mark),
    /// Nothing follows in this stream: followers of it come to an end. `offset` is its whole length.
    End {
        /// Which stream.
        stream: StreamId,
        /// How many bytes it has.
        offset: u64,
    },
}

impl Entry {
    /// The stream it belongs to.
    pub fn stream(&self) -> &StreamId {
        match self {
            Self::Chunk(chunk) => &chunk.stream,
            Self::Mark(mark) => &mark.stream,
            Self::End { stream, .. } => stream,
        }
    }
}

/// Checks names and bounds of an append. Every adapter calls this first.
pub fn check_batch(run: &str, batch: &[Entry]) -> Result<(), LogError> {
    check_run(run)?;
    within("append's entries", batch.len(), BATCH_ENTRIES)?;
    let mut bytes = 0;
    for entry in batch {
        check_stream(entry.stream())?;
        bytes += check_entry(entry)?;
    }
    within("append", bytes, BATCH_BYTES)
}

/// A run id is fit to be a file's name on every system and a key on every bus.
pub(super) fn check_run(run: &str) -> Result<(), LogError> {
    let fit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if run.is_empty() || run.len() > RUN_BYTES || !run.bytes().all(fit) {
        let shown: String = run.chars().take(RUN_BYTES).collect();
        return Err(LogError::Invalid {
            reason: format!("{shown:?} is no run id"),
        });
    }
    Ok(())
}

fn check_stream(stream: &StreamId) -> Result<(), LogError> {
    if stream.stage.is_empty() || stream.attempt == 0 {
        return Err(LogError::Invalid {
            reason: format!("{stream:?} names no stage, or no attempt from 1"),
        });
    }
    within("stage's name", stream.stage.len(), STAGE_BYTES)
}

/// How many bytes the entry counts in its batch.
fn check_entry(entry: &Entry) -> Result<usize, LogError> {
    match entry {
        Entry::Chunk(chunk) => {
            within("chunk", chunk.bytes.len(), CHUNK_BYTES)?;
            Ok(chunk.bytes.len())
        }
        Entry::Mark(mark) => {
            let bytes = mark.data.to_string().len();
            within("mark", bytes, MARK_BYTES)?;
            within("mark's kind", mark.kind.len(), STAGE_BYTES)?;
            Ok(bytes)
        }
        Entry::End { .. } => Ok(0),
    }
}

fn within(what: &'static str, bytes: usize, limit: usize) -> Result<(), LogError> {
    if bytes > limit {
        return Err(LogError::TooLarge { what, bytes, limit });
    }
    Ok(())
}
