//! The view behind its lock. No call waits; the lock is never held across an await.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use circle_api::worker::Order;
use circle_core::ids::{RunId, ServiceId, WorkerId, WorkspaceId};
use circle_core::run::Run;
use circle_core::service::{Service, Workspace};
use circle_core::trigger::Trust;
use circle_store::records::Version;

use super::entry::{Due, Entry, Phase};
use super::history::{History, worked_ms};
use super::hosts::Hosts;
use super::view::View;
use super::workers::{Coming, Stream, Workers};

/// The ready view and the open streams.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) view: View,
    pub(super) workers: Workers,
    pub(super) hosts: Hosts,
    pub(super) history: History,
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
                state.hosts.wake();
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
    pub(crate) fn connect(&self, worker: WorkerId, coming: Coming, now_ms: i64) -> Stream {
        let mut state = self.lock();
        if coming.only.is_some() {
            // Its run was kept for it while it started; now it is asked to take it.
            state.withdraw(worker);
        }
        let load = state.view.held_by(worker).count();
        let load = u32::try_from(load).unwrap_or(u32::MAX);
        let stream = state.workers.connect(worker, coming, load);
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

    /// Says something to the worker that would be asked next about a run of a workspace's member.
    pub(crate) fn tell_idle(&self, workspace: WorkspaceId, order: Order) {
        let mut state = self.lock();
        let idle = state.workers.idle();
        let asked = idle.iter().find(|(reach, _)| reach.takes(workspace, Trust::Member));
        if let Some((_, worker)) = asked {
            state.workers.send(*worker, order);
        }
    }

    /// Says something to a worker if it listens.
    pub(crate) fn tell(&self, worker: WorkerId, order: Order) {
        self.lock().workers.send(worker, order);
    }

    /// How many runs of a service, and of each of its refs, may go at the same time.
    pub(crate) fn limit_service(&self, service: &Service, now_ms: i64) {
        let mut state = self.lock();
        let (most, a_ref) = (service.max_parallel as usize, service.max_parallel_ref as usize);
        state
            .view
            .line
            .limit_service(service.workspace, service.id, most, a_ref);
        state.dispatch(now_ms);
    }

    /// How many runs of a workspace may go at the same time.
    pub(crate) fn limit_workspace(&self, workspace: &Workspace, now_ms: i64) {
        let mut state = self.lock();
        let most = workspace.max_parallel as usize;
        state.view.line.limit_workspace(workspace.id, most);
        state.dispatch(now_ms);
    }

    /// Whether the limits of a service were told.
    pub(crate) fn knows_limits(&self, service: ServiceId) -> bool {
        self.lock().view.line.knows(service)
    }

    /// Whether a run may be claimed now, as far as the view knows; a run that it does not know may.
    pub(crate) fn may_claim(&self, id: RunId) -> bool {
        let state = self.lock();
        match state.view.get(id).map(|entry| entry.phase) {
            None | Some(Phase::Offered { .. }) => true,
            Some(Phase::Waiting) => state.view.line.may_go(id),
            Some(Phase::Leased { .. } | Phase::Deploying) => false,
        }
    }

    /// Runs of the same service and ref that are older than a run.
    pub(crate) fn older(&self, run: &Run) -> Vec<RunId> {
        let git_ref = run.trigger.git_ref.as_str();
        let state = self.lock();
        state.view.line.older(run.workspace, run.service, git_ref, run.number)
    }

    /// Runs that a newer one of their ref was to end, with the newer one's number: whoever made it may have died before
    /// it told anybody.
    pub(crate) fn superseded(&self) -> Vec<(RunId, u64)> {
        let state = self.lock();
        let mut newest: HashMap<(ServiceId, &str), u64> = HashMap::new();
        for entry in state.view.entries().filter(|entry| entry.supersedes()) {
            let number = newest.entry((entry.service, &*entry.git_ref)).or_default();
            *number = entry.number.max(*number);
        }
        let older = state.view.entries().filter(|entry| !entry.cancelled);
        let older = older.filter_map(|entry| {
            let newer = *newest.get(&(entry.service, &*entry.git_ref))?;
            (entry.number < newer).then_some((entry.id, newer))
        });
        older.collect()
    }

    /// Runs of a service that have not ended.
    pub(crate) fn of_service(&self, service: ServiceId) -> Vec<RunId> {
        let state = self.lock();
        let own = state.view.entries().filter(|entry| entry.service == service);
        own.map(|entry| entry.id).collect()
    }

    /// Deadlines that have passed.
    pub(crate) fn due(&self, now_ms: i64) -> Vec<Due> {
        let state = self.lock();
        let due = state.view.past_deadline(now_ms).filter_map(|entry| match entry.phase {
            Phase::Waiting | Phase::Offered { .. } => Some(Due::Queue(entry.id)),
            Phase::Leased { .. } if !entry.cancelled => Some(Due::Run(entry.id)),
            Phase::Leased { .. } | Phase::Deploying => None,
        });
        due.collect()
    }

    /// Every run that has not ended.
    pub(crate) fn all(&self) -> Vec<RunId> {
        self.lock().view.entries().map(|entry| entry.id).collect()
    }

    /// Runs that workers hold.
    pub(crate) fn leased(&self) -> Vec<(RunId, u64)> {
        let state = self.lock();
        state.view.active().filter_map(Entry::leased).collect()
    }

    /// Runs that a worker holds.
    pub(crate) fn held_by(&self, worker: WorkerId) -> Vec<(RunId, u64)> {
        let state = self.lock();
        state.view.held_by(worker).filter_map(Entry::leased).collect()
    }

    pub(crate) fn is_connected(&self, worker: WorkerId) -> bool {
        self.lock().workers.is_connected(worker)
    }

    /// All cells of the connected workers that take runs, and those that are busy.
    pub(crate) fn cells(&self) -> (u64, u64) {
        self.lock().cells(|_| true)
    }

    /// Waiting runs, active runs, connected workers.
    pub(crate) fn figures(&self) -> (u64, u64, u64) {
        let state = self.lock();
        let (all, active) = state.view.counts();
        let waiting = (all - active) as u64;
        (waiting, active as u64, state.workers.connected() as u64)
    }
}

impl State {
    fn remember(&mut self, run: &Run) {
        if self.view.get(run.id).is_some()
            && let Some(worked) = worked_ms(run)
        {
            self.history.note(run.service, worked);
        }
    }
}
