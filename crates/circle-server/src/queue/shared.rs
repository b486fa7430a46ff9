//! The view behind its lock. No call waits; the lock is never held across an await.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use circle_api::worker::Order;
use circle_core::ids::{RunId, ServiceId, WorkerId};
use circle_core::run::{Run, RunState};
use circle_store::records::Version;

use super::entry::{Due, Entry, Phase};
use super::ready::Ready;
use super::workers::{Stream, Workers};

/// Durations of the last runs, from which a wait is estimated.
pub(super) const REMEMBERED_DURATIONS: usize = 50;

/// The ready view and the open streams.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) ready: Ready,
    pub(super) workers: Workers,
    /// In milliseconds.
    pub(super) durations: VecDeque<i64>,
}

impl Queue {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a run as it was just read or written.
    pub(crate) fn observe(&self, run: &Run, version: Version, now_ms: i64) {
        let mut state = self.lock();
        match Entry::of(run, version) {
            Some(entry) => state.put(entry),
            None => {
                state.remember(run);
                state.remove(run.id);
            }
        }
        state.dispatch(now_ms);
    }

    /// Takes in runs that wait, from their heads; used when the view is rebuilt.
    pub(crate) fn restore(&self, entries: Vec<Entry>) {
        let mut state = self.lock();
        for entry in entries {
            state.put(entry);
        }
    }

    /// Forgets runs that the store does not list as unended any more.
    pub(crate) fn forget(&self, id: RunId) {
        self.lock().remove(id);
    }

    /// Opens a worker's stream.
    pub(crate) fn connect(&self, worker: WorkerId, cells: u32, draining: bool, now_ms: i64) -> Stream {
        let mut state = self.lock();
        let load = state
            .ready
            .entries()
            .filter(|entry| entry.worker() == Some(worker))
            .count();
        let load = u32::try_from(load).unwrap_or(u32::MAX);
        let stream = state.workers.connect(worker, cells, draining, load);
        state.dispatch(now_ms);
        stream
    }

    /// Ends a worker's stream and takes its offers back.
    pub(crate) fn disconnect(&self, worker: WorkerId, stream: u64, now_ms: i64) {
        let mut state = self.lock();
        if state.workers.disconnect(worker, stream) {
            state.withdraw(worker);
            state.dispatch(now_ms);
        }
    }

    /// Cuts a worker off: its credential is gone.
    pub(crate) fn cut(&self, worker: WorkerId) {
        let mut state = self.lock();
        state.workers.cut(worker);
        state.withdraw(worker);
    }

    /// The worker takes nothing new.
    pub(crate) fn drain(&self, worker: WorkerId) {
        let mut state = self.lock();
        state.workers.drain(worker);
        state.workers.send(worker, Order::Drain);
        state.withdraw(worker);
    }

    /// Says something to a worker if it listens.
    pub(crate) fn tell(&self, worker: WorkerId, order: Order) {
        self.lock().workers.send(worker, order);
    }

    /// How many runs of a service may go at the same time.
    pub(crate) fn set_parallel(&self, service: ServiceId, most: u32, now_ms: i64) {
        let mut state = self.lock();
        state.ready.set_parallel(service, most);
        state.dispatch(now_ms);
    }

    pub(crate) fn knows_parallel(&self, service: ServiceId) -> bool {
        self.lock().ready.knows_parallel(service)
    }

    /// Whether a run may be claimed now, as far as the view knows; a run that it does not know may.
    pub(crate) fn may_claim(&self, id: RunId) -> bool {
        let state = self.lock();
        state.ready.get(id).is_none_or(|entry| match entry.phase {
            Phase::Offered { .. } => true,
            Phase::Waiting => !entry.cancelled && state.ready.blocked_by(entry).is_none(),
            Phase::Leased { .. } | Phase::Deploying => false,
        })
    }

    /// Runs of the same service and ref that are older.
    pub(crate) fn older(&self, service: ServiceId, git_ref: &str, number: u64) -> Vec<RunId> {
        self.lock().ready.older(service, git_ref, number)
    }

    /// Runs of a service that have not ended.
    pub(crate) fn of_service(&self, service: ServiceId) -> Vec<RunId> {
        self.lock()
            .ready
            .entries()
            .filter(|entry| entry.service == service)
            .map(|entry| entry.id)
            .collect()
    }

    /// Deadlines that have passed.
    pub(crate) fn due(&self, now_ms: i64) -> Vec<Due> {
        let state = self.lock();
        let past = state
            .ready
            .entries()
            .filter(|entry| entry.deadline_ms.is_some_and(|at| at <= now_ms));
        let due = past.filter_map(|entry| match entry.phase {
            Phase::Waiting | Phase::Offered { .. } => Some(Due::Queue(entry.id)),
            Phase::Leased { .. } if !entry.cancelled => Some(Due::Run(entry.id)),
            Phase::Leased { .. } | Phase::Deploying => None,
        });
        due.collect()
    }

    /// Every run that has not ended, with where it stands.
    pub(crate) fn all(&self) -> Vec<(RunId, Phase, Version)> {
        self.lock()
            .ready
            .entries()
            .map(|entry| (entry.id, entry.phase, entry.version))
            .collect()
    }

    /// Runs that a worker holds.
    pub(crate) fn held_by(&self, worker: WorkerId) -> Vec<(RunId, u64)> {
        let state = self.lock();
        let held = state.ready.entries().filter_map(|entry| match entry.phase {
            Phase::Leased { worker: holder, fence } if holder == worker => Some((entry.id, fence)),
            _ => None,
        });
        held.collect()
    }

    pub(crate) fn is_connected(&self, worker: WorkerId) -> bool {
        self.lock().workers.is_connected(worker)
    }

    /// Waiting runs, active runs, connected workers.
    pub(crate) fn figures(&self) -> (u64, u64, u64) {
        let state = self.lock();
        let active = state
            .ready
            .entries()
            .filter(|entry| matches!(entry.phase, Phase::Leased { .. } | Phase::Deploying));
        let active = active.count() as u64;
        let all = state.ready.entries().count() as u64;
        (all - active, active, state.workers.connected() as u64)
    }
}

impl State {
    fn remember(&mut self, run: &Run) {
        let RunState::Ended { at, .. } = run.state else { return };
        let started = run.parts.iter().any(|part| part.attempt > 0);
        if !started || self.ready.get(run.id).is_none() {
            return;
        }
        if self.durations.len() == REMEMBERED_DURATIONS {
            self.durations.pop_front();
        }
        self.durations
            .push_back(at.as_millisecond() - run.created_at.as_millisecond());
    }
}
