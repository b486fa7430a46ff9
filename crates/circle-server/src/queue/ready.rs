//! The view itself: entries, the lanes of workspaces and services, and what blocks whom. Pure but for its own state.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use circle_core::ids::{RunId, ServiceId, WorkspaceId};
use circle_core::plan::Concurrency;

use super::entry::{Entry, Phase};

/// Runs at the same time of a service whose own bound is not known yet.
const UNKNOWN_PARALLEL: u32 = 10;

/// Everything about runs that have not ended.
#[derive(Debug, Default)]
pub(super) struct Ready {
    entries: HashMap<RunId, Entry>,
    /// Runs of one service and ref by number: the first one may go, the others wait if they queue.
    groups: HashMap<(ServiceId, String), BTreeMap<u64, RunId>>,
    lanes: BTreeMap<WorkspaceId, Lane>,
    parallel: HashMap<ServiceId, u32>,
    served: u64,
}

/// One workspace's share.
#[derive(Debug, Default)]
struct Lane {
    active: usize,
    served: u64,
    services: BTreeMap<ServiceId, ServiceLane>,
}

/// One service's share.
#[derive(Debug, Default)]
struct ServiceLane {
    active: usize,
    served: u64,
    ready: BTreeSet<(i64, i64, RunId)>,
}

impl Ready {
    /// Takes in what is known of a run now; older knowledge changes nothing.
    pub(super) fn put(&mut self, entry: Entry) {
        if let Some(known) = self.entries.get(&entry.id) {
            // An offer is known here only: the document still says that the run waits.
            if known.version > entry.version || (known.version == entry.version && known.is_active()) {
                return;
            }
        }
        self.take(entry.id);
        let group = self.groups.entry((entry.service, entry.git_ref.clone())).or_default();
        group.insert(entry.number, entry.id);
        self.count(&entry, 1);
        let id = entry.id;
        self.entries.insert(id, entry);
        self.refresh(id);
        self.refresh_followers(id);
    }

    /// Forgets a run.
    pub(super) fn take(&mut self, id: RunId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.unready(&entry);
        self.count(&entry, -1);
        let key = (entry.service, entry.git_ref.clone());
        if let Some(group) = self.groups.get_mut(&key) {
            group.remove(&entry.number);
            match group.values().next().copied() {
                Some(first) => self.refresh(first),
                None => drop(self.groups.remove(&key)),
            }
        }
        Some(entry)
    }

    /// Changes where a run stands for the scheduler.
    pub(super) fn set_phase(&mut self, id: RunId, phase: Phase) {
        let Some(mut entry) = self.entries.remove(&id) else {
            return;
        };
        self.unready(&entry);
        self.count(&entry, -1);
        entry.phase = phase;
        self.count(&entry, 1);
        self.entries.insert(id, entry);
        self.refresh(id);
    }

    /// The run that is to go next.
    pub(super) fn next(&mut self) -> Option<RunId> {
        let parallel = &self.parallel;
        let free = |(service, lane): &(&ServiceId, &ServiceLane)| {
            let most = parallel.get(service).copied().unwrap_or(UNKNOWN_PARALLEL);
            !lane.ready.is_empty() && lane.active < most as usize
        };
        let lanes = self
            .lanes
            .iter()
            .filter(|(_, lane)| lane.services.iter().any(|pair| free(&pair)));
        let (workspace, lane) = lanes.min_by_key(|(_, lane)| (lane.active, lane.served))?;
        let services = lane.services.iter().filter(free);
        let (service, own) = services.min_by_key(|(_, own)| (own.active, own.served))?;
        let (workspace, service, id) = (*workspace, *service, own.ready.first()?.2);
        self.served += 1;
        if let Some(lane) = self.lanes.get_mut(&workspace) {
            lane.served = self.served;
            if let Some(own) = lane.services.get_mut(&service) {
                own.served = self.served;
            }
        }
        Some(id)
    }

    /// How many runs of a service may go at the same time.
    pub(super) fn set_parallel(&mut self, service: ServiceId, most: u32) {
        self.parallel.insert(service, most);
    }

    pub(super) fn parallel(&self, service: ServiceId) -> u32 {
        self.parallel.get(&service).copied().unwrap_or(UNKNOWN_PARALLEL)
    }

    pub(super) fn knows_parallel(&self, service: ServiceId) -> bool {
        self.parallel.contains_key(&service)
    }

    pub(super) fn get(&self, id: RunId) -> Option<&Entry> {
        self.entries.get(&id)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// The older run that this one waits for.
    pub(super) fn blocked_by(&self, entry: &Entry) -> Option<u64> {
        if entry.concurrency != Concurrency::Queue {
            return None;
        }
        let group = self.groups.get(&(entry.service, entry.git_ref.clone()))?;
        group.keys().next().copied().filter(|first| *first < entry.number)
    }

    /// Runs of the same service and ref with a smaller number.
    pub(super) fn older(&self, service: ServiceId, git_ref: &str, number: u64) -> Vec<RunId> {
        let group = self.groups.get(&(service, git_ref.to_owned()));
        group
            .into_iter()
            .flat_map(|group| group.range(..number))
            .map(|(_, id)| *id)
            .collect()
    }

    pub(super) fn service_active(&self, workspace: WorkspaceId, service: ServiceId) -> usize {
        let lane = self.lanes.get(&workspace).and_then(|lane| lane.services.get(&service));
        lane.map_or(0, |lane| lane.active)
    }

    /// Puts a run among the ready ones, or takes it out, as it stands now.
    fn refresh(&mut self, id: RunId) {
        let Some(entry) = self.entries.get(&id).cloned() else {
            return;
        };
        if entry.phase == Phase::Waiting && !entry.cancelled && self.blocked_by(&entry).is_none() {
            let lane = self.lanes.entry(entry.workspace).or_default();
            lane.services
                .entry(entry.service)
                .or_default()
                .ready
                .insert(entry.order());
        } else {
            self.unready(&entry);
        }
    }

    /// A run that came late with a small number blocks the next one.
    fn refresh_followers(&mut self, id: RunId) {
        let Some(entry) = self.entries.get(&id) else { return };
        let Some(group) = self.groups.get(&(entry.service, entry.git_ref.clone())) else {
            return;
        };
        let next = group.range(entry.number + 1..).next().map(|(_, id)| *id);
        if let Some(next) = next {
            self.refresh(next);
        }
    }

    fn unready(&mut self, entry: &Entry) {
        let lane = self.lanes.get_mut(&entry.workspace);
        if let Some(own) = lane.and_then(|lane| lane.services.get_mut(&entry.service)) {
            own.ready.remove(&entry.order());
        }
        self.sweep(entry);
    }

    fn count(&mut self, entry: &Entry, by: isize) {
        if !entry.is_active() {
            return;
        }
        let lane = self.lanes.entry(entry.workspace).or_default();
        lane.active = lane.active.saturating_add_signed(by);
        let own = lane.services.entry(entry.service).or_default();
        own.active = own.active.saturating_add_signed(by);
        self.sweep(entry);
    }

    /// Lanes without anything in them are dropped, so that the view is as large as what waits and runs.
    fn sweep(&mut self, entry: &Entry) {
        let Some(lane) = self.lanes.get_mut(&entry.workspace) else {
            return;
        };
        lane.services
            .retain(|service, own| *service != entry.service || own.active > 0 || !own.ready.is_empty());
        if lane.services.is_empty() {
            self.lanes.remove(&entry.workspace);
        }
    }
}
