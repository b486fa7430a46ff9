//! The outbox of a run's events: numbered, sent in order, kept until they are acknowledged.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circle_api::worker::{Events, NumberedEvent};
use circle_core::run::WorkerEvent;
use tokio::sync::Notify;

use super::calls::RunCalls;
use super::connection::CallError;
use super::pause::Pause;
use super::stop::{Stop, Stopper};

/// Most events of one request.
const MAX_EVENTS: usize = 256;

/// Events on their way. A run has a few dozen, so nothing bounds them but the plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Outbox {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    added: Notify,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    last: u64,
    waiting: VecDeque<NumberedEvent>,
    given_up: bool,
    /// The server takes what it hears, and counts the run as cancelled whatever it is.
    cancelled: bool,
}

impl Outbox {
    /// Takes an event.
    pub(super) fn push(&self, event: WorkerEvent) {
        let mut state = self.state();
        state.last += 1;
        let sequence = state.last;
        state.waiting.push_back(NumberedEvent { sequence, event });
        drop(state);
        self.shared.added.notify_one();
    }

    /// Sends until it is aborted, or the run may not be spoken of any more.
    pub(super) async fn deliver(self, calls: RunCalls, stopper: Stopper) {
        let mut pause = Pause::default();
        loop {
            let events: Vec<NumberedEvent> = self.state().waiting.iter().take(MAX_EVENTS).cloned().collect();
            if events.is_empty() {
                self.shared.added.notified().await;
                continue;
            }
            match calls
                .events(&Events {
                    part: calls.part(),
                    events,
                })
                .await
            {
                Ok(answer) => {
                    pause.reset();
                    self.acknowledge(answer.applied, answer.cancel.is_some());
                    if answer.cancel.is_some() {
                        stopper.stop(Stop::Cancelled);
                    }
                }
                Err(CallError::Later(why)) => {
                    tracing::warn!(why, "events could not be delivered; trying again");
                    pause.wait().await;
                }
                Err(error) => {
                    tracing::warn!(%error, "the run is not ours any more");
                    self.give_up();
                    return stopper.stop(Stop::Stale);
                }
            }
        }
    }

    /// Waits until everything is acknowledged, or nothing will be. Gives whether it is acknowledged, of a run that nobody
    /// has cancelled.
    pub(super) async fn emptied(&self) -> bool {
        loop {
            let emptied = self.shared.emptied.notified();
            {
                let state = self.state();
                if state.waiting.is_empty() || state.given_up {
                    return state.waiting.is_empty() && !state.cancelled;
                }
            }
            emptied.await;
        }
    }

    fn acknowledge(&self, applied: u64, is_cancelled: bool) {
        let mut state = self.state();
        state.cancelled |= is_cancelled;
        state.waiting.retain(|event| event.sequence > applied);
        let is_empty = state.waiting.is_empty();
        drop(state);
        if is_empty {
            self.shared.emptied.notify_waiters();
        }
    }

    fn give_up(&self) {
        self.state().given_up = true;
        self.shared.emptied.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
