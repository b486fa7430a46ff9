//! Why a run waits.

use super::line::{Line, Standing, Ticket};
use crate::ids::{RunId, ServiceId, WorkspaceId};

/// Runs that a look ahead counts at most: it goes through the line step by step, a few microseconds each.
pub const LOOK_AHEAD: usize = 500;

/// What a run waits for. `ahead` are the runs that go before it, in their order, at most [`LOOK_AHEAD`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// An older run of its ref goes first: the plan wants them one after the other.
    Older { number: u64, ahead: Vec<RunId> },
    /// Its ref has as many active runs as it may.
    Ref { most: usize, ahead: Vec<RunId> },
    /// Its service has, or will have when those before it are active.
    Service { most: usize, ahead: Vec<RunId> },
    /// Its workspace has.
    Workspace { most: usize, ahead: Vec<RunId> },
    /// Nothing but others before it, and a free cell.
    Turn { ahead: Vec<RunId> },
}

impl Wait {
    /// The runs that go before it.
    pub fn ahead(&self) -> &[RunId] {
        match self {
            Self::Older { ahead, .. }
            | Self::Ref { ahead, .. }
            | Self::Service { ahead, .. }
            | Self::Workspace { ahead, .. }
            | Self::Turn { ahead } => ahead,
        }
    }

    /// Its place from 1; `None` when it is further back than was looked.
    pub fn place(&self) -> Option<u64> {
        let ahead = self.ahead().len();
        (ahead < LOOK_AHEAD).then(|| ahead as u64 + 1)
    }
}

impl Line {
    /// What a waiting run waits for; `None` when it does not wait. The line is afterwards as it was.
    pub fn why(&mut self, run: RunId) -> Option<Wait> {
        let (ticket, standing) = self.spots.get(&run)?;
        if *standing != Standing::Waiting {
            return None;
        }
        let ticket = ticket.clone();
        if let Some(wait) = self.full(&ticket) {
            return Some(wait);
        }
        let workspace = self.workspaces.get(&ticket.workspace)?;
        if workspace.active >= workspace.most {
            return Some(self.of_workspace(&ticket));
        }
        let (ahead, found) = self.rehearse(run, None);
        if found || ahead.len() >= LOOK_AHEAD {
            return Some(Wait::Turn { ahead });
        }
        Some(self.filled(&ticket, &ahead))
    }

    /// Its place is that among the workspace's own, whatever the limit.
    fn of_workspace(&mut self, ticket: &Ticket) -> Wait {
        let most = self.workspaces.get(&ticket.workspace).map_or(0, |lane| lane.most);
        self.change_workspace(ticket.workspace, |lane| lane.most = usize::MAX);
        let (ahead, _) = self.rehearse(ticket.run, Some(ticket.workspace));
        self.change_workspace(ticket.workspace, |lane| lane.most = most);
        Wait::Workspace { most, ahead }
    }

    /// The limit of ref or service that keeps it back whoever else waits.
    fn full(&self, ticket: &Ticket) -> Option<Wait> {
        let service = self.service(ticket.workspace, ticket.service)?;
        let lane = service.refs.get(&ticket.git_ref)?;
        let older = || {
            lane.before(ticket.number)
                .filter(|(_, standing)| *standing == Standing::Waiting)
        };
        if let Some(number) = lane.older_than(ticket.number) {
            let ahead = older().map(|(run, _)| run).take(LOOK_AHEAD).collect();
            return Some(Wait::Older { number, ahead });
        }
        if lane.active >= service.most_a_ref {
            let ahead = self.before_in_service(ticket, |other| other.git_ref == ticket.git_ref);
            let most = service.most_a_ref;
            return Some(Wait::Ref { most, ahead });
        }
        if service.active >= service.most {
            let ahead = self.before_in_service(ticket, |_| true);
            let most = service.most;
            return Some(Wait::Service { most, ahead });
        }
        None
    }

    /// The line runs dry before its turn: those before it fill the limit of its service, ref or workspace.
    fn filled(&mut self, ticket: &Ticket, ahead: &[RunId]) -> Wait {
        let Some(service) = self.service(ticket.workspace, ticket.service) else {
            return self.of_workspace(ticket);
        };
        let count = |counts: &dyn Fn(&Ticket) -> bool| {
            let known = ahead.iter().filter_map(|run| self.spots.get(run));
            known
                .filter(|(other, _)| other.service == ticket.service && counts(other))
                .count()
        };
        let of_ref = service.refs.get(&ticket.git_ref).map_or(0, |lane| lane.active);
        if service.active + count(&|_| true) >= service.most {
            let ahead = self.before_in_service(ticket, |_| true);
            Wait::Service {
                most: service.most,
                ahead,
            }
        } else if of_ref + count(&|other| other.git_ref == ticket.git_ref) >= service.most_a_ref {
            let ahead = self.before_in_service(ticket, |other| other.git_ref == ticket.git_ref);
            Wait::Ref {
                most: service.most_a_ref,
                ahead,
            }
        } else {
            self.of_workspace(ticket)
        }
    }

    fn before_in_service(&self, ticket: &Ticket, counts: impl Fn(&Ticket) -> bool) -> Vec<RunId> {
        let Some(service) = self.service(ticket.workspace, ticket.service) else {
            return Vec::new();
        };
        let before = service.waiting.range(..ticket.head().order).map(|order| order.run);
        let counted = before.filter(|run| self.spots.get(run).is_some_and(|(other, _)| counts(other)));
        counted.take(LOOK_AHEAD).collect()
    }

    /// Gives turns until the run has its own, as if a cell became free for each, and takes all of them back. Tells who
    /// went before, and whether its turn came.
    fn rehearse(&mut self, run: RunId, only: Option<WorkspaceId>) -> (Vec<RunId>, bool) {
        let counted = *self.turn_mut();
        let mut undo: Vec<(RunId, WorkspaceId, ServiceId, (u64, u64))> = Vec::new();
        let mut found = false;
        while undo.len() < LOOK_AHEAD {
            let Some(next) = self.next(only, |_| true) else { break };
            if next == run {
                found = true;
                break;
            }
            let Some((ticket, _)) = self.spots.get(&next) else {
                break;
            };
            let (workspace, service) = (ticket.workspace, ticket.service);
            let Some(turns) = self.turns(workspace, service) else {
                break;
            };
            undo.push((next, workspace, service, turns));
            self.start(next);
        }
        for (next, workspace, service, turns) in undo.iter().rev() {
            self.set_standing(*next, Standing::Waiting);
            self.set_turns(*workspace, *service, *turns);
        }
        *self.turn_mut() = counted;
        (undo.into_iter().map(|(next, ..)| next).collect(), found)
    }
}
