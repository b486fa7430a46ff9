//! The port that appends and follows.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{Entry, LogError, Slice, StreamId};

/// How far a stream is after an append.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamEnd {
    /// Which one.
    pub stream: StreamId,
    /// Its length in bytes: the offset of the next chunk.
    pub length: u64,
    /// The number of its next mark.
    pub marks: u64,
}

/// What an append left behind: the ends of the streams it touched.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Appended {
    /// In the order of first mention.
    pub streams: Vec<StreamEnd>,
}

/// What a follower gets next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Followed {
    /// More bytes of this attempt.
    Bytes {
        /// Which attempt.
        attempt: u32,
        /// Where and what; never empty.
        slice: Slice,
    },
    /// A newer attempt began: what comes next begins at byte 0 of it.
    Superseded {
        /// The new attempt.
        attempt: u32,
    },
    /// The stream ended, or its run was closed.
    End,
}

/// A reader that waits for more. Holds no memory between calls; as slow as it likes, it never slows the writer.
#[async_trait]
pub trait Follow: Send + Debug {
    /// Waits for what comes next; after [`Followed::End`] it stays at the end. Cancel safe.
    async fn next(&mut self) -> Result<Followed, LogError>;
}

/// Appending and following.
///
/// Promises: appending is at least once and idempotent — bytes that are there already are not appended again, so a
/// writer that lost an answer sends the same again. When an append returned `Ok`, its entries survive `kill -9` and
/// loss of power. An append of a superseded attempt changes nothing. Readers see the bytes of a stream in order,
/// without holes and without duplicates.
///
/// Not promised by every adapter: that a hole is refused ([`LogError::Hole`]). The embedded one does.
#[async_trait]
pub trait LogBus: Send + Sync + Debug {
    /// Appends entries of one run, in order, all of them or none.
    async fn append(&self, run: &str, batch: Vec<Entry>) -> Result<Appended, LogError>;

    /// Follows the newest attempt of a stage from a byte on; waits for a stage that has not begun.
    async fn follow(&self, run: &str, stage: &str, from: u64) -> Result<Box<dyn Follow>, LogError>;

    /// Returns when anything of the run may have changed since `seen` (0 for the first call), with what to pass next.
    ///
    /// A hint for views of a whole run (new stages, marks, closing). Cancel safe.
    async fn grown(&self, run: &str, seen: u64) -> Result<u64, LogError>;

    /// Nothing will be appended to this run. Followers come to their end at once; the call may take longer, because it
    /// returns when the log is in its last form (compressed, for example). Twice is once, and finishes what a crash
    /// or a full disk has cut short. An unknown run is no error.
    async fn close(&self, run: &str) -> Result<(), LogError>;
}
