//! Where log requests of a run take turns, and marks get their numbers.
//!
//! The protocol's marks carry no number, the log's marks do, so that the same mark twice is one. A group begins once and
//! ends once in a stream, so what was taken of it is known by group and kind. One request of a run is appended at a time.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use circle_api::worker::frames::Mark;
use circle_core::ids::RunId;
use circle_store::logs::{LogArchive, LogError, MARKS_LIMIT, MarksQuery, StreamId};
use tokio::sync::Mutex as TurnLock;

/// The log of every run that a worker writes now.
#[derive(Debug, Default)]
pub(crate) struct LogDesk {
    runs: Mutex<HashMap<RunId, Arc<TurnLock<MarkBook>>>>,
}

/// Which marks of a run's streams are kept already.
#[derive(Debug, Default)]
pub(crate) struct MarkBook {
    streams: HashMap<StreamId, Known>,
}

#[derive(Debug, Default, Clone)]
struct Known {
    next: u64,
    taken: HashSet<(u32, bool)>,
}

impl LogDesk {
    /// The book of a run; whoever locks it has the turn.
    pub(crate) fn turn(&self, run: RunId) -> Arc<TurnLock<MarkBook>> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(runs.entry(run).or_default())
    }

    /// Drops what is known of a run: it ended, or an append failed and the store is to be asked again.
    pub(crate) fn forget(&self, run: RunId) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).remove(&run);
    }
}

impl MarkBook {
    /// The number of a mark that is new, `None` for one that is kept already.
    pub(crate) async fn number(
        &mut self,
        archive: &dyn LogArchive,
        run: RunId,
        stream: &StreamId,
        mark: &Mark,
    ) -> Result<Option<u64>, LogError> {
        if !self.streams.contains_key(stream) {
            let known = read(archive, run, stream).await?;
            self.streams.insert(stream.clone(), known);
        }
        let known = self.streams.entry(stream.clone()).or_default();
        if !known.taken.insert(key(mark)) {
            return Ok(None);
        }
        known.next += 1;
        Ok(Some(known.next - 1))
    }
}

/// The kind under which a mark is kept.
pub(crate) fn kind_of(mark: &Mark) -> &'static str {
    match mark {
        Mark::Begin { .. } => "group_begin",
        Mark::End { .. } => "group_end",
    }
}

fn key(mark: &Mark) -> (u32, bool) {
    match mark {
        Mark::Begin { group, .. } => (*group, false),
        Mark::End { group, .. } => (*group, true),
    }
}

async fn read(archive: &dyn LogArchive, run: RunId, stream: &StreamId) -> Result<Known, LogError> {
    let mut known = Known::default();
    loop {
        let skip = usize::try_from(known.next).unwrap_or(usize::MAX);
        let query = MarksQuery {
            stage: Some(stream.stage.clone()),
            attempt: Some(stream.attempt),
            skip,
        };
        let marks = archive.marks(&run.to_string(), query).await?;
        let count = marks.len();
        for one in marks {
            known.next += 1;
            if let Ok(mark) = serde_json::from_value::<Mark>(one.mark.data) {
                known.taken.insert(key(&mark));
            }
        }
        if count < MARKS_LIMIT {
            return Ok(known);
        }
    }
}
