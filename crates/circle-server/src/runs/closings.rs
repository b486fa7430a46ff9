//! Logs that are to be closed: compressing a large one takes seconds, so nobody waits for it.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use circle_core::ids::RunId;
use tokio::sync::Notify;

/// Ended runs whose log is open. One id each; a restart finds them again in the store of logs.
#[derive(Debug, Default)]
pub(crate) struct Closings {
    runs: Mutex<BTreeSet<RunId>>,
    more: Notify,
}

impl Closings {
    /// Asks for a run's log to be closed.
    pub(crate) fn put(&self, run: RunId) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).insert(run);
        self.more.notify_one();
    }

    /// The next run; waits until there is one. Cancel safe.
    pub(crate) async fn next(&self) -> RunId {
        loop {
            let next = self.runs.lock().unwrap_or_else(PoisonError::into_inner).pop_first();
            match next {
                Some(run) => return run,
                None => self.more.notified().await,
            }
        }
    }
}
