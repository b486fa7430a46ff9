//! The line itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::lane::ServiceLane;
use super::priority::Priority;
use super::ref_lane::Head;
use super::workspace_lane::{Share, WorkspaceLane};
use crate::ids::{RunId, ServiceId, WorkspaceId};
use crate::plan::Concurrency;

/// What the line knows of a run; none of it changes while the run waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    pub run: RunId,
    pub workspace: WorkspaceId,
    pub service: ServiceId,
    pub git_ref: Arc<str>,
    /// 1, 2, 3 … within the service; runs of one ref go in this order.
    pub number: u64,
    pub priority: Priority,
    /// In milliseconds since 1970.
    pub created_ms: i64,
    pub concurrency: Concurrency,
}

/// Where a run stands for the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It may go.
    Waiting,
    /// It takes a share: offered, executed or deployed.
    Active,
    /// It neither goes nor takes a share: it is about to end.
    Held,
}

/// Every run that has not ended, and which of them goes next.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    pub(super) spots: HashMap<RunId, (Ticket, Standing)>,
    pub(super) workspaces: HashMap<WorkspaceId, WorkspaceLane>,
    /// Workspaces that would give a run, the next one first.
    fair: BTreeSet<(Share, WorkspaceId)>,
    service_limits: HashMap<ServiceId, (usize, usize)>,
    workspace_limits: HashMap<WorkspaceId, usize>,
    /// Grows with every turn.
    turn: u64,
}

impl Ticket {
    pub(super) fn head(&self) -> Head {
        Head {
            order: self.priority.order(self.created_ms, self.run),
            priority: self.priority,
        }
    }
}

impl Line {
    /// Takes a run in, or changes where it stands.
    pub fn put(&mut self, ticket: Ticket, standing: Standing) {
        if let Some((known, before)) = self.spots.get(&ticket.run) {
            if *known == ticket && *before == standing {
                return;
            }
            self.take(ticket.run);
        }
        self.change(&ticket, |lane| lane.put(&ticket, standing));
        self.spots.insert(ticket.run, (ticket, standing));
    }

    /// Forgets a run.
    pub fn take(&mut self, run: RunId) {
        if let Some((ticket, _)) = self.spots.remove(&run) {
            self.change(&ticket, |lane| lane.take(&ticket));
        }
    }

    /// Changes where a run stands.
    pub fn set_standing(&mut self, run: RunId, standing: Standing) {
        let Some((ticket, before)) = self.spots.get_mut(&run) else {
            return;
        };
        if *before == standing {
            return;
        }
        *before = standing;
        let ticket = ticket.clone();
        self.change(&ticket, |lane| {
            lane.take(&ticket);
            lane.put(&ticket, standing);
        });
    }

    /// The run that goes next; with `only`, that of one workspace; of those that `fits` lets pass.
    pub fn next(&self, only: Option<WorkspaceId>, fits: impl Fn(&Ticket) -> bool) -> Option<RunId> {
        let of_one = only.and_then(|workspace| self.workspaces.get(&workspace));
        let of_all = self.fair.iter().filter(|_| only.is_none());
        let of_all = of_all.filter_map(|(_, workspace)| self.workspaces.get(workspace));
        let heads = of_one.into_iter().chain(of_all).flat_map(WorkspaceLane::services);
        let mut runs = heads.flat_map(ServiceLane::heads).map(|head| head.order.run);
        runs.find(|run| self.spots.get(run).is_some_and(|(ticket, _)| fits(ticket)))
    }

    /// Whether a waiting run would not pass a limit or its ref's order if it went now, whoever's turn it is.
    pub fn may_go(&self, run: RunId) -> bool {
        let Some((ticket, Standing::Waiting)) = self.spots.get(&run) else {
            return false;
        };
        let Some(workspace) = self.workspaces.get(&ticket.workspace) else {
            return false;
        };
        let Some(service) = workspace.services.get(&ticket.service) else {
            return false;
        };
        let lane = service.refs.get(&ticket.git_ref);
        let has_room = workspace.active < workspace.most && service.active < service.most;
        let free =
            lane.is_some_and(|lane| lane.active < service.most_a_ref && lane.older_than(ticket.number).is_none());
        has_room && free
    }

    /// Gives a run its turn: it is active from now on, and its service and workspace go behind their equals.
    pub fn start(&mut self, run: RunId) {
        let Some((ticket, _)) = self.spots.get(&run) else {
            return;
        };
        let (workspace, service) = (ticket.workspace, ticket.service);
        self.turn += 1;
        self.set_turns(workspace, service, (self.turn, self.turn));
        self.set_standing(run, Standing::Active);
    }

    /// How many runs of a service, and of each of its refs, may be active at the same time.
    pub fn limit_service(&mut self, workspace: WorkspaceId, service: ServiceId, most: usize, most_a_ref: usize) {
        self.service_limits.insert(service, (most, most_a_ref));
        self.change_known(workspace, service, |lane| lane.limit(most, most_a_ref));
    }

    /// How many runs of a workspace may be active at the same time.
    pub fn limit_workspace(&mut self, workspace: WorkspaceId, most: usize) {
        self.workspace_limits.insert(workspace, most);
        self.change_workspace(workspace, |lane| lane.most = most);
    }

    /// Whether the limits of a service were told.
    pub fn knows(&self, service: ServiceId) -> bool {
        self.service_limits.contains_key(&service)
    }

    /// Runs of the same service and ref with a smaller number.
    pub fn older(&self, workspace: WorkspaceId, service: ServiceId, git_ref: &str, number: u64) -> Vec<RunId> {
        let lane = self.service(workspace, service).and_then(|lane| lane.refs.get(git_ref));
        let older = lane.into_iter().flat_map(|lane| lane.before(number));
        older.map(|(run, _)| run).collect()
    }

    pub(super) fn service(&self, workspace: WorkspaceId, service: ServiceId) -> Option<&ServiceLane> {
        self.workspaces.get(&workspace)?.services.get(&service)
    }

    pub(super) fn turns(&self, workspace: WorkspaceId, service: ServiceId) -> Option<(u64, u64)> {
        let lane = self.workspaces.get(&workspace)?;
        Some((lane.turn, lane.services.get(&service)?.turn))
    }

    pub(super) fn set_turns(&mut self, workspace: WorkspaceId, service: ServiceId, (own, of_service): (u64, u64)) {
        self.change_known(workspace, service, |lane| lane.turn = of_service);
        self.change_workspace(workspace, |lane| lane.turn = own);
    }

    /// What was counted, for who puts turns back.
    pub(super) fn turn_mut(&mut self) -> &mut u64 {
        &mut self.turn
    }

    fn change(&mut self, ticket: &Ticket, change: impl FnOnce(&mut ServiceLane)) {
        // Whoever comes anew lines up behind those who wait.
        if self.turns(ticket.workspace, ticket.service).is_none() {
            self.turn += 1;
        }
        let turn = self.turn;
        let limits = self.service_limits.get(&ticket.service).copied();
        let new = || {
            let mut lane = ServiceLane::new(turn);
            if let Some((most, most_a_ref)) = limits {
                lane.limit(most, most_a_ref);
            }
            lane
        };
        let most = self.workspace_limits.get(&ticket.workspace).copied();
        let lane = WorkspaceLane::new(turn, most.unwrap_or(usize::MAX));
        self.workspaces.entry(ticket.workspace).or_insert(lane);
        self.change_workspace(ticket.workspace, |lane| lane.change(ticket.service, new, change));
    }

    fn change_known(&mut self, workspace: WorkspaceId, service: ServiceId, change: impl FnOnce(&mut ServiceLane)) {
        if self.service(workspace, service).is_some() {
            self.change_workspace(workspace, |lane| lane.change(service, || ServiceLane::new(0), change));
        }
    }

    pub(super) fn change_workspace(&mut self, workspace: WorkspaceId, change: impl FnOnce(&mut WorkspaceLane)) {
        let Some(lane) = self.workspaces.get_mut(&workspace) else {
            return;
        };
        let before = lane.share();
        change(lane);
        let after = lane.share();
        if lane.is_empty() {
            self.workspaces.remove(&workspace);
        }
        if before != after {
            before.map(|share| self.fair.remove(&(share, workspace)));
            after.map(|share| self.fair.insert((share, workspace)));
        }
    }
}
