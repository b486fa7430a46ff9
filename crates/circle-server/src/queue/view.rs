//! The view itself: every run that has not ended, the line of those that wait, and who holds the others. Whatever is asked
//! of it often is kept in order, so that no answer looks at every run.

use std::collections::{BTreeSet, HashMap};

use circle_core::ids::{RunId, WorkerId};
use circle_core::queue::{Line, Standing};

use super::entry::{Entry, Phase};

/// Everything about runs that have not ended.
#[derive(Debug, Default)]
pub(super) struct View {
    entries: HashMap<RunId, Entry>,
    pub(super) line: Line,
    /// Runs that a worker executes or is asked to take.
    held: HashMap<WorkerId, BTreeSet<RunId>>,
    /// Runs that are offered, executed or deployed.
    active: BTreeSet<RunId>,
    deadlines: BTreeSet<(i64, RunId)>,
    /// Offers by the time at which they are taken back.
    offers: BTreeSet<(i64, RunId)>,
}

impl View {
    /// Takes in what is known of a run now; older knowledge changes nothing.
    pub(super) fn put(&mut self, entry: Entry) {
        if let Some(known) = self.entries.get(&entry.id) {
            // An offer is known here only: the document still says that the run waits.
            if known.version > entry.version || (known.version == entry.version && known.is_active()) {
                return;
            }
        }
        self.unlist(entry.id);
        self.line.put(entry.ticket(), standing(&entry));
        self.list(entry);
    }

    /// Forgets a run.
    pub(super) fn take(&mut self, id: RunId) -> Option<Entry> {
        self.line.take(id);
        self.unlist(id)
    }

    /// Changes where a run stands for the scheduler.
    pub(super) fn set_phase(&mut self, id: RunId, phase: Phase) {
        let Some(mut entry) = self.unlist(id) else { return };
        entry.phase = phase;
        match phase {
            Phase::Offered { .. } => self.line.start(id),
            _ => self.line.set_standing(id, standing(&entry)),
        }
        self.list(entry);
    }

    pub(super) fn get(&self, id: RunId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    /// Every run, in no order.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// Runs that a worker executes or is asked to take.
    pub(super) fn held_by(&self, worker: WorkerId) -> impl Iterator<Item = &Entry> {
        let held = self.held.get(&worker).into_iter().flatten();
        held.filter_map(|id| self.entries.get(id))
    }

    /// Runs that take a share.
    pub(super) fn active(&self) -> impl Iterator<Item = &Entry> {
        self.active.iter().filter_map(|id| self.entries.get(id))
    }

    /// Runs whose deadline has passed.
    pub(super) fn past_deadline(&self, now_ms: i64) -> impl Iterator<Item = &Entry> {
        let past = self.deadlines.iter().take_while(move |(at, _)| *at <= now_ms);
        past.filter_map(|(_, id)| self.entries.get(id))
    }

    /// Offers that nobody answered in time.
    pub(super) fn unanswered(&self, now_ms: i64) -> Vec<RunId> {
        let past = self.offers.iter().take_while(|(until, _)| *until <= now_ms);
        past.map(|(_, id)| *id).collect()
    }

    /// How many runs there are, and how many of them are executed or deployed.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.entries.len(), self.active.len() - self.offers.len())
    }

    fn list(&mut self, entry: Entry) {
        let id = entry.id;
        if let Some(worker) = entry.worker() {
            self.held.entry(worker).or_default().insert(id);
        }
        if entry.is_active() {
            self.active.insert(id);
        }
        if let Phase::Offered { until_ms, .. } = entry.phase {
            self.offers.insert((until_ms, id));
        }
        if let Some(at) = entry.deadline_ms {
            self.deadlines.insert((at, id));
        }
        self.entries.insert(id, entry);
    }

    fn unlist(&mut self, id: RunId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        if let Some(worker) = entry.worker()
            && let Some(held) = self.held.get_mut(&worker)
        {
            held.remove(&id);
            if held.is_empty() {
                self.held.remove(&worker);
            }
        }
        self.active.remove(&id);
        if let Phase::Offered { until_ms, .. } = entry.phase {
            self.offers.remove(&(until_ms, id));
        }
        if let Some(at) = entry.deadline_ms {
            self.deadlines.remove(&(at, id));
        }
        Some(entry)
    }
}

fn standing(entry: &Entry) -> Standing {
    match entry.phase {
        Phase::Waiting if entry.cancelled => Standing::Held,
        Phase::Waiting => Standing::Waiting,
        Phase::Offered { .. } | Phase::Leased { .. } | Phase::Deploying => Standing::Active,
    }
}
