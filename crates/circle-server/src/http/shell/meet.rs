//! Where the two ends of a shell meet.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::ws::WebSocket;
use circle_core::ids::{ShellId, WorkerId};
use tokio::sync::{Semaphore, oneshot};

use crate::limits::SHELLS;

/// Shells whose worker is waited for, and the places for open ones.
pub(crate) struct Meeting {
    pub(super) places: Arc<Semaphore>,
    waiting: Mutex<HashMap<ShellId, (WorkerId, oneshot::Sender<WebSocket>)>>,
}

impl Default for Meeting {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(SHELLS)),
            waiting: Mutex::default(),
        }
    }
}

impl Meeting {
    /// Waits for this worker's end from now on.
    pub(super) fn expect(&self, shell: ShellId, worker: WorkerId) -> oneshot::Receiver<WebSocket> {
        let (answer, answered) = oneshot::channel();
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.insert(shell, (worker, answer));
        answered
    }

    /// Nobody waits any more.
    pub(super) fn forget(&self, shell: ShellId) {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&shell);
    }

    /// Where the worker's end goes; only the worker that was asked has one, and once.
    pub(super) fn answer(&self, shell: ShellId, worker: WorkerId) -> Option<oneshot::Sender<WebSocket>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked = waiting.get(&shell).is_some_and(|(asked, _)| *asked == worker);
        if is_asked {
            waiting.remove(&shell).map(|(_, answer)| answer)
        } else {
            None
        }
    }
}

impl fmt::Debug for Meeting {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Meeting").finish_non_exhaustive()
    }
}
