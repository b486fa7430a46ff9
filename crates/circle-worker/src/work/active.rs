//! The runs that this worker has, so that orders find them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circle_core::ids::RunId;

use crate::server::{Stop, Stopper};

/// What is being executed, by run and fence. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Active {
    runs: Arc<Mutex<HashMap<(RunId, u64), Stopper>>>,
}

/// Takes a run out again when it is dropped.
#[derive(Debug)]
pub(super) struct Registered {
    active: Active,
    key: (RunId, u64),
}

impl Active {
    pub(super) fn register(&self, run: RunId, fence: u64, stopper: Stopper) -> Registered {
        self.runs().insert((run, fence), stopper);
        Registered {
            active: self.clone(),
            key: (run, fence),
        }
    }

    /// Stops one run; one that is not there has ended already.
    pub(super) fn stop(&self, run: RunId, fence: u64, stop: Stop) {
        if let Some(stopper) = self.runs().get(&(run, fence)) {
            stopper.stop(stop);
        }
    }

    /// Stops every run.
    pub(super) fn stop_all(&self, stop: Stop) {
        for stopper in self.runs().values() {
            stopper.stop(stop);
        }
    }

    fn runs(&self) -> MutexGuard<'_, HashMap<(RunId, u64), Stopper>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.active.runs().remove(&self.key);
    }
}
