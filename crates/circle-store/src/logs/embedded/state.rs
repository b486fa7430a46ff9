//! What is known of a run while it is in use: a few numbers a stream.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::logs::{StreamId, StreamInfo};

/// A run in use. Everybody who reads, follows or appends shares it.
#[derive(Debug)]
pub(super) struct RunHandle {
    pub(super) run: String,
    /// `None` until loaded, and again after a failure that leaves open what is on the disk.
    state: Mutex<Option<RunState>>,
    /// Held while the run is compressed, so that two do not.
    pub(super) packing: Mutex<()>,
    /// A number that grows with every change.
    pub(super) growth: watch::Sender<u64>,
}

/// What is on the disk.
#[derive(Debug, Clone)]
pub(super) struct RunState {
    /// Where the run lies; it need not exist while there are no streams.
    pub(super) folder: PathBuf,
    pub(super) streams: Vec<StreamState>,
    /// How long the file of marks is.
    pub(super) marks_end: u64,
    /// Nothing may be appended.
    pub(super) closed: bool,
    /// Compressed and in its last place.
    pub(super) done: bool,
    /// Nothing is there any more.
    pub(super) removed: bool,
}

/// One stream.
#[derive(Debug, Clone)]
pub(super) struct StreamState {
    pub(super) id: StreamId,
    /// Names its files; counts the streams of the run.
    pub(super) number: u32,
    /// Where its first frame after the header begins.
    pub(super) first: u64,
    /// Where its frames end; what lies behind was never acknowledged.
    pub(super) end: u64,
    pub(super) length: u64,
    pub(super) lines: u64,
    pub(super) marks: u64,
    pub(super) ended: bool,
    /// The stream offset of the last entry of its index.
    pub(super) indexed: u64,
    /// The index's entries.
    pub(super) entries: u64,
    pub(super) packed: bool,
}

impl RunHandle {
    pub(super) fn new(run: &str, growth: u64) -> Self {
        let growth = watch::Sender::new(growth);
        Self {
            run: run.to_owned(),
            state: Mutex::new(None),
            packing: Mutex::new(()),
            growth,
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<RunState>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RunState {
    /// A run of which nothing is on the disk.
    pub(super) fn fresh(folder: PathBuf) -> Self {
        Self {
            folder,
            streams: Vec::new(),
            marks_end: 0,
            closed: false,
            done: false,
            removed: false,
        }
    }

    /// The newest attempt of a stage.
    pub(super) fn newest(&self, stage: &str) -> Option<&StreamState> {
        let of_stage = self.streams.iter().filter(|stream| stream.id.stage == stage);
        of_stage.max_by_key(|stream| stream.id.attempt)
    }

    /// An attempt of a stage, the newest if none is named.
    pub(super) fn stream(&self, stage: &str, attempt: Option<u32>) -> Option<&StreamState> {
        match attempt {
            None => self.newest(stage),
            Some(attempt) => self
                .streams
                .iter()
                .find(|stream| stream.id.stage == stage && stream.id.attempt == attempt),
        }
    }

    /// Whether nothing will be added to a stream.
    pub(super) fn is_complete(&self, stream: &StreamState) -> bool {
        let newest = self.newest(&stream.id.stage).map(|newest| newest.id.attempt);
        self.closed || self.removed || stream.ended || newest != Some(stream.id.attempt)
    }

    /// What callers are told of a stream.
    pub(super) fn info(&self, stream: &StreamState) -> StreamInfo {
        StreamInfo {
            stream: stream.id.clone(),
            length: stream.length,
            lines: stream.lines,
            marks: stream.marks,
            complete: self.is_complete(stream),
        }
    }
}

impl StreamState {
    pub(super) fn new(id: StreamId, number: u32) -> Self {
        Self {
            id,
            number,
            first: 0,
            end: 0,
            length: 0,
            lines: 0,
            marks: 0,
            ended: false,
            indexed: 0,
            entries: 0,
            packed: false,
        }
    }
}

/// How many lines end in these bytes.
pub(super) fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
