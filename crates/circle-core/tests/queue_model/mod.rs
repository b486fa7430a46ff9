//! The rule, stated plainly and slowly: every question looks at every run.

use std::collections::HashMap;
use std::hash::Hash;

use circle_core::ids::{RunId, ServiceId, WorkspaceId};
use circle_core::plan::Concurrency;
use circle_core::queue::{HEAD_START_MS, Ticket};

/// A service's limit before it is told.
const UNKNOWN_MOST: usize = 10;

/// All runs in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct Model {
    runs: Vec<(Ticket, bool)>,
    pub(crate) services: HashMap<ServiceId, (usize, usize)>,
    pub(crate) workspaces: HashMap<WorkspaceId, usize>,
    turn: u64,
    service_turns: HashMap<ServiceId, u64>,
    workspace_turns: HashMap<WorkspaceId, u64>,
}

impl Model {
    pub(crate) fn come(&mut self, ticket: Ticket) {
        if !self.runs.iter().any(|(other, _)| other.service == ticket.service) {
            self.turn += 1;
            self.service_turns.insert(ticket.service, self.turn);
        }
        if !self.runs.iter().any(|(other, _)| other.workspace == ticket.workspace) {
            self.workspace_turns.insert(ticket.workspace, self.turn);
        }
        self.runs.push((ticket, false));
    }

    pub(crate) fn start(&mut self, run: RunId) {
        self.turn += 1;
        let ticket = self.ticket(run).clone();
        self.service_turns.insert(ticket.service, self.turn);
        self.workspace_turns.insert(ticket.workspace, self.turn);
        for (other, active) in &mut self.runs {
            *active |= other.run == run;
        }
    }

    pub(crate) fn end(&mut self, run: RunId) {
        self.runs.retain(|(ticket, _)| ticket.run != run);
    }

    pub(crate) fn next(&self) -> Option<RunId> {
        let free: Vec<&Ticket> = self
            .runs
            .iter()
            .filter(|(ticket, active)| !active && self.has_room(ticket.run) && self.keeps_order(ticket.run))
            .map(|(ticket, _)| ticket)
            .collect();
        let own = free
            .iter()
            .map(|ticket| ticket.workspace)
            .min_by_key(|workspace| (self.active_of(*workspace), self.workspace_turns[workspace], *workspace))?;
        let first_of = |service: ServiceId| {
            let of_service = free.iter().filter(|ticket| ticket.service == service);
            of_service.min_by_key(|ticket| order(ticket)).copied()
        };
        let services = free.iter().filter(|ticket| ticket.workspace == own);
        let services: Vec<ServiceId> = services.map(|ticket| ticket.service).collect();
        let turn = |service: &ServiceId| (self.active_of_service(*service), self.service_turns[service], *service);
        let next = first_of(*services.iter().min_by_key(|service| turn(service))?)?;
        let heads = services.iter().filter_map(|service| first_of(*service));
        let urgent = heads.filter(|other| other.priority < next.priority);
        let urgent = urgent.min_by_key(|other| order(other));
        let goes = urgent.filter(|other| order(other) < order(next)).unwrap_or(next);
        Some(goes.run)
    }

    /// Whether one more may be active of its ref, service and workspace.
    pub(crate) fn has_room(&self, run: RunId) -> bool {
        let own = self.ticket(run);
        let (most, a_ref) = self.limits(own.service);
        let of_ref = self.count(|other| (other.service, &other.git_ref) == (own.service, &own.git_ref));
        let of_workspace = self.workspaces.get(&own.workspace).copied().unwrap_or(usize::MAX);
        of_ref < a_ref && self.active_of_service(own.service) < most && self.active_of(own.workspace) < of_workspace
    }

    /// Whether no older run of its ref is left, where its plan wants that.
    pub(crate) fn keeps_order(&self, run: RunId) -> bool {
        let own = self.ticket(run);
        let older = |other: &Ticket| {
            (other.service, &other.git_ref) == (own.service, &own.git_ref) && other.number < own.number
        };
        own.concurrency == Concurrency::Parallel || !self.runs.iter().any(|(other, _)| older(other))
    }

    pub(crate) fn ticket(&self, run: RunId) -> &Ticket {
        let found = self.runs.iter().find(|(ticket, _)| ticket.run == run);
        &found.expect("a known run").0
    }

    pub(crate) fn by_number(&self, beside: RunId, number: u64) -> Option<RunId> {
        let own = self.ticket(beside);
        let found = self
            .runs
            .iter()
            .find(|(other, _)| other.service == own.service && other.number == number);
        found.map(|(ticket, _)| ticket.run)
    }

    pub(crate) fn active(&self) -> Vec<RunId> {
        let active = self.runs.iter().filter(|(_, active)| *active);
        active.map(|(ticket, _)| ticket.run).collect()
    }

    pub(crate) fn waiting(&self) -> Vec<RunId> {
        let waiting = self.runs.iter().filter(|(_, active)| !active);
        waiting.map(|(ticket, _)| ticket.run).collect()
    }

    pub(crate) fn active_of(&self, workspace: WorkspaceId) -> usize {
        self.count(|other| other.workspace == workspace)
    }

    pub(crate) fn limit_a_ref(&self, service: ServiceId) -> usize {
        self.limits(service).1
    }

    fn active_of_service(&self, service: ServiceId) -> usize {
        self.count(|other| other.service == service)
    }

    fn limits(&self, service: ServiceId) -> (usize, usize) {
        get(&self.services, &service, (UNKNOWN_MOST, usize::MAX))
    }

    fn count(&self, which: impl Fn(&Ticket) -> bool) -> usize {
        self.runs
            .iter()
            .filter(|(other, active)| *active && which(other))
            .count()
    }
}

fn get<K: Hash + Eq, V: Copy>(map: &HashMap<K, V>, key: &K, otherwise: V) -> V {
    map.get(key).copied().unwrap_or(otherwise)
}

fn order(ticket: &Ticket) -> (i64, RunId) {
    (ticket.created_ms + ticket.priority.number() * HEAD_START_MS, ticket.run)
}
