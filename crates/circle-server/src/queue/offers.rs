//! Offering: who is asked next, and what becomes of an offer that nobody answers.

use circle_api::worker::Order;
use circle_core::ids::{RunId, WorkerId};

use super::Queue;
use super::entry::{Entry, Phase};
use super::shared::State;
use crate::limits;

/// The first planner makes one part.
const ONLY_PART: usize = 0;

impl Queue {
    /// Takes back offers that nobody answered, and offers what is ready to who is idle.
    pub(crate) fn dispatch(&self, now_ms: i64) {
        let mut state = self.lock();
        state.expire_offers(now_ms);
        state.dispatch(now_ms);
    }
}

impl State {
    pub(super) fn put(&mut self, entry: Entry) {
        let before = self.ready.get(entry.id).and_then(Entry::worker);
        let id = entry.id;
        self.ready.put(entry);
        let after = self.ready.get(id).and_then(Entry::worker);
        self.move_load(before, after);
    }

    pub(super) fn remove(&mut self, id: RunId) {
        let before = self.ready.take(id).and_then(|entry| entry.worker());
        self.move_load(before, None);
    }

    /// Offers while there is a run and a worker for it.
    pub(super) fn dispatch(&mut self, now_ms: i64) {
        while let Some(worker) = self.workers.idle() {
            let Some(run) = self.ready.next() else { return };
            if self.workers.send(worker, Order::Offer { run, part: ONLY_PART }) {
                let until_ms = now_ms.saturating_add(limits::OFFER_TIME_MS);
                self.set_phase(run, Phase::Offered { worker, until_ms });
            }
        }
    }

    /// Takes back every offer to a worker.
    pub(super) fn withdraw(&mut self, worker: WorkerId) {
        self.take_back(|entry| matches!(entry.phase, Phase::Offered { worker: asked, .. } if asked == worker));
    }

    pub(super) fn expire_offers(&mut self, now_ms: i64) {
        self.take_back(|entry| matches!(entry.phase, Phase::Offered { until_ms, .. } if until_ms <= now_ms));
    }

    fn take_back(&mut self, which: impl Fn(&Entry) -> bool) {
        let back: Vec<RunId> = self
            .ready
            .entries()
            .filter(|entry| which(entry))
            .map(|entry| entry.id)
            .collect();
        for id in back {
            self.set_phase(id, Phase::Waiting);
        }
    }

    fn set_phase(&mut self, id: RunId, phase: Phase) {
        let before = self.ready.get(id).and_then(Entry::worker);
        self.ready.set_phase(id, phase);
        let after = self.ready.get(id).and_then(Entry::worker);
        self.move_load(before, after);
    }

    fn move_load(&mut self, before: Option<WorkerId>, after: Option<WorkerId>) {
        if before == after {
            return;
        }
        if let Some(worker) = before {
            self.workers.add_load(worker, -1);
        }
        if let Some(worker) = after {
            self.workers.add_load(worker, 1);
        }
    }
}
