//! The port that reads at random.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{LogError, Mark, Place, Slice, StreamId};

/// The most marks of one listing.
pub const MARKS_LIMIT: usize = 1000;

/// What to read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// Of which run.
    pub run: String,
    /// Of which stage.
    pub stage: String,
    /// Of which attempt; the newest if `None`.
    pub attempt: Option<u32>,
    /// From where.
    pub from: Place,
    /// At most so many bytes, 1 to [`super::READ_BYTES`]; larger values count as the bound.
    pub limit_bytes: usize,
    /// At most so many `\n`, 1 to [`super::READ_LINES`]; larger values count as the bound.
    pub limit_lines: u64,
}

impl Read {
    /// Of the newest attempt of a stage, as much as one slice holds.
    pub fn new(run: impl Into<String>, stage: impl Into<String>, from: Place) -> Self {
        Self {
            run: run.into(),
            stage: stage.into(),
            attempt: None,
            from,
            limit_bytes: super::READ_BYTES,
            limit_lines: super::READ_LINES,
        }
    }

    /// Of this attempt.
    #[must_use]
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = Some(attempt);
        self
    }

    /// At most so many bytes.
    #[must_use]
    pub fn limit_bytes(mut self, limit_bytes: usize) -> Self {
        self.limit_bytes = limit_bytes;
        self
    }

    /// At most so many lines.
    #[must_use]
    pub fn limit_lines(mut self, limit_lines: u64) -> Self {
        self.limit_lines = limit_lines;
        self
    }
}

/// What is known of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamInfo {
    /// Which one.
    pub stream: StreamId,
    /// Its bytes.
    pub length: u64,
    /// Its `\n`; a last line without one is not counted.
    pub lines: u64,
    /// How many marks it has: the number of the next one.
    pub marks: u64,
    /// Nothing will be added to it.
    pub complete: bool,
}

/// Which marks.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MarksQuery {
    /// Of this stage; of all if `None`.
    pub stage: Option<String>,
    /// Of this attempt; of all if `None`.
    pub attempt: Option<u32>,
    /// Leaves out so many of the matching ones, to go on after a full page.
    pub skip: usize,
}

/// A mark and the line it stands before.
#[derive(Clone, PartialEq, Debug)]
pub struct MarkAt {
    /// As it was appended.
    pub mark: Mark,
    /// How many `\n` of its stream come before its offset.
    pub line: u64,
}

/// Random access to what was appended, while the run goes on and after it was closed.
///
/// Promises: what an append acknowledged is there for every read that begins later; a read costs memory for one slice
/// and touches a bounded part of the log, wherever it begins.
#[async_trait]
pub trait LogArchive: Send + Sync + Debug {
    /// A slice of a stream; [`LogError::Missing`] if there is no such stream.
    async fn read(&self, read: Read) -> Result<Slice, LogError>;

    /// The streams of a run in the order in which they first appeared; empty for an unknown run.
    async fn streams(&self, run: &str) -> Result<Vec<StreamInfo>, LogError>;

    /// Marks in the order in which they were appended, at most [`MARKS_LIMIT`].
    async fn marks(&self, run: &str, query: MarksQuery) -> Result<Vec<MarkAt>, LogError>;

    /// Removes a run's log. Removing what is not there is no error; so is closing or reading it later, as if unknown.
    async fn remove(&self, run: &str) -> Result<(), LogError>;
}
