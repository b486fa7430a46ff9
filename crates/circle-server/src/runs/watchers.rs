//! Who watches a run is told that it changed; what it became is read from the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use circle_core::ids::RunId;
use tokio::sync::watch;

/// One sender for each run that is watched; entries without a watcher are dropped.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    runs: Arc<Mutex<HashMap<RunId, watch::Sender<u64>>>>,
}

impl Watchers {
    /// Wakes at every change from now on; several changes may be told as one.
    pub(crate) fn watch(&self, run: RunId) -> watch::Receiver<u64> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|_, sender| sender.receiver_count() > 0);
        runs.entry(run).or_insert_with(|| watch::Sender::new(0)).subscribe()
    }

    /// Tells that a run changed.
    pub(crate) fn notify(&self, run: RunId) {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sender) = runs.get(&run) {
            sender.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}
