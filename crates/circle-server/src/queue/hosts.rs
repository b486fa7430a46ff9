//! Places on hosts: engines elsewhere on which a worker can be started for one run.
//!
//! A run goes there when no connected worker can take it: starting one costs seconds, a warm cell milliseconds. While its
//! worker starts, the run is offered to that worker as to any other, and goes back into the line when the offer runs out.

use std::collections::BTreeMap;

use circle_core::ids::{HostId, RunId, WorkerId};
use circle_core::serving::Reach;
use tokio::sync::watch;

use super::Queue;
use super::entry::{Entry, Phase};
use super::shared::State;
use crate::limits;

/// What a host can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HostPlaces {
    pub(crate) reach: Reach,
    pub(crate) cells: u32,
    pub(crate) busy: u32,
}

/// The hosts that are to take runs.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    known: BTreeMap<HostId, KnownHost>,
    wanted: watch::Sender<()>,
}

/// A host, and what it can take or why it takes nothing.
#[derive(Debug)]
struct KnownHost {
    name: String,
    places: Result<HostPlaces, String>,
}

impl Hosts {
    /// What those with a free place may take.
    pub(super) fn free(&self) -> impl Iterator<Item = Reach> {
        let free = self.places().filter(|places| places.busy < places.cells);
        free.map(|places| places.reach)
    }

    fn places(&self) -> impl Iterator<Item = &HostPlaces> {
        self.known.values().filter_map(|host| host.places.as_ref().ok())
    }

    /// A host that gives trouble, with what it is.
    pub(super) fn troubled(&self) -> Option<(&str, &str)> {
        let mut troubled = self.known.values().filter_map(|host| {
            let problem = host.places.as_ref().err()?;
            Some((host.name.as_str(), problem.as_str()))
        });
        troubled.next()
    }

    /// Tells whoever starts workers that something changed for them.
    pub(super) fn wake(&self) {
        if !self.known.is_empty() {
            self.wanted.send_replace(());
        }
    }

    fn cells(&self, takes: impl Fn(Reach) -> bool) -> (u64, u64) {
        let fitting = self.places().filter(|places| takes(places.reach));
        fitting.fold((0, 0), |(all, busy), places| {
            (all + u64::from(places.cells), busy + u64::from(places.busy))
        })
    }
}

/// Where a run stands for the worker that was started for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Post {
    /// It is kept for the worker, or the worker has it.
    Held,
    /// Nobody has it.
    Waiting,
    /// It has ended, is deployed, or somebody else has it.
    Over,
}

impl Queue {
    /// What a host can take now, or why it takes nothing.
    pub(crate) fn set_host(&self, host: HostId, name: &str, places: Result<HostPlaces, String>) {
        let name = name.to_owned();
        self.lock().hosts.known.insert(host, KnownHost { name, places });
    }

    /// A host that is not to be used.
    pub(crate) fn forget_host(&self, host: HostId) {
        self.lock().hosts.known.remove(&host);
    }

    /// The trouble that a host gives now.
    pub(crate) fn host_trouble(&self, host: HostId) -> Option<String> {
        let state = self.lock();
        state.hosts.known.get(&host)?.places.as_ref().err().cloned()
    }

    /// Keeps the next run that fits a host for a worker that is to be started there.
    pub(crate) fn keep_for(&self, worker: WorkerId, reach: Reach, now_ms: i64) -> Option<RunId> {
        let mut state = self.lock();
        // Whoever is connected comes first.
        state.dispatch(now_ms);
        let run = state.next_for(reach)?;
        let until_ms = now_ms.saturating_add(limits::HOST_START_MS);
        state.set_phase(run, Phase::Offered { worker, until_ms });
        Some(run)
    }

    /// Gives back what was kept for a worker that will not come.
    pub(crate) fn give_back(&self, worker: WorkerId, now_ms: i64) {
        let mut state = self.lock();
        state.withdraw(worker);
        state.dispatch(now_ms);
    }

    /// Where a run stands for the worker that was started for it.
    pub(crate) fn post(&self, run: RunId, worker: WorkerId) -> Post {
        let state = self.lock();
        let Some(entry) = state.view.get(run) else {
            return Post::Over;
        };
        match entry.phase {
            Phase::Waiting => Post::Waiting,
            _ if entry.worker() == Some(worker) => Post::Held,
            _ => Post::Over,
        }
    }

    /// Whether a worker holds the lease of a run.
    pub(crate) fn is_leased(&self, run: RunId, worker: WorkerId) -> bool {
        let state = self.lock();
        let leased = |entry: &Entry| matches!(entry.phase, Phase::Leased { worker: by, .. } if by == worker);
        state.view.get(run).is_some_and(leased)
    }

    /// Wakes when a run waits for a host, or something of a host's ended.
    pub(crate) fn hosts_wanted(&self) -> watch::Receiver<()> {
        self.lock().hosts.wanted.subscribe()
    }
}

impl State {
    /// All cells of workers and hosts that take it, and those that are busy.
    pub(super) fn cells(&self, takes: impl Fn(Reach) -> bool) -> (u64, u64) {
        let (workers, hosts) = (self.workers.cells(&takes), self.hosts.cells(&takes));
        (workers.0 + hosts.0, workers.1 + hosts.1)
    }
}
