//! Offering: who is asked next, and what becomes of an offer that nobody answers.

use circle_api::worker::Order;
use circle_core::ids::{RunId, WorkerId};
use circle_core::queue::Ticket;
use circle_core::serving::Reach;

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
        let before = self.view.get(entry.id).and_then(Entry::worker);
        let id = entry.id;
        self.view.put(entry);
        let after = self.view.get(id).and_then(Entry::worker);
        self.move_load(before, after);
    }

    pub(super) fn remove(&mut self, id: RunId) {
        let before = self.view.take(id).and_then(|entry| entry.worker());
        self.move_load(before, None);
    }

    /// Offers while there is a run and a worker for it.
    pub(super) fn dispatch(&mut self, now_ms: i64) {
        while let Some((worker, run)) = self.next_pair() {
            if self.workers.send(worker, Order::Offer { run, part: ONLY_PART }) {
                let until_ms = now_ms.saturating_add(limits::OFFER_TIME_MS);
                self.set_phase(run, Phase::Offered { worker, until_ms });
            }
        }
        if self.hosts.free().any(|reach| self.next_for(reach).is_some()) {
            self.hosts.wake();
        }
    }

    /// Who is asked next, and for what: whoever was started for a run, then workers of a workspace, so that the instance's
    /// stay free for all.
    fn next_pair(&self) -> Option<(WorkerId, RunId)> {
        let waits = |run: RunId| {
            let entry = self.view.get(run);
            entry.is_some_and(|entry| entry.phase == Phase::Waiting) && self.view.line.may_go(run)
        };
        if let Some(posted) = self.workers.posted().find(|(_, run)| waits(*run)) {
            return Some(posted);
        }
        // Whom the least loaded worker of a kind has nothing for, the others of that kind have nothing for either.
        let pairs = self.workers.idle().into_iter();
        let mut pairs = pairs.filter_map(|(reach, worker)| Some((worker, self.next_for(reach)?)));
        pairs.next()
    }

    pub(super) fn next_for(&self, reach: Reach) -> Option<RunId> {
        let takes = |entry: &Entry| reach.takes(entry.workspace, entry.trust);
        let fits = |ticket: &Ticket| self.view.get(ticket.run).is_some_and(takes);
        self.view.line.next(reach.serves.workspace(), fits)
    }

    /// Takes back every offer to a worker.
    pub(super) fn withdraw(&mut self, worker: WorkerId) {
        let asked = |entry: &&Entry| matches!(entry.phase, Phase::Offered { .. });
        let offers: Vec<RunId> = self.view.held_by(worker).filter(asked).map(|entry| entry.id).collect();
        self.take_back(offers);
    }

    pub(super) fn expire_offers(&mut self, now_ms: i64) {
        let unanswered = self.view.unanswered(now_ms);
        self.take_back(unanswered);
    }

    fn take_back(&mut self, offers: Vec<RunId>) {
        for id in offers {
            self.set_phase(id, Phase::Waiting);
        }
    }

    pub(super) fn set_phase(&mut self, id: RunId, phase: Phase) {
        let before = self.view.get(id).and_then(Entry::worker);
        self.view.set_phase(id, phase);
        let after = self.view.get(id).and_then(Entry::worker);
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
