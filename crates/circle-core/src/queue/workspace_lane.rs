//! The services of one workspace.

use std::collections::{BTreeSet, HashMap};

use super::lane::ServiceLane;
use super::priority::Priority;
use super::ref_lane::Head;
use crate::ids::ServiceId;

/// What makes one go before another: fewer active runs, then the longer wait since its last turn.
pub(super) type Share = (usize, u64);

/// One workspace's share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WorkspaceLane {
    pub(super) services: HashMap<ServiceId, ServiceLane>,
    /// Services that would give a run, the next one first.
    fair: BTreeSet<(Share, ServiceId)>,
    /// The same by the priority of what they would give, and since when it counts as come.
    urgent: [BTreeSet<(Head, ServiceId)>; 3],
    pub(super) active: usize,
    pub(super) turn: u64,
    pub(super) most: usize,
}

impl WorkspaceLane {
    pub(super) fn new(turn: u64, most: usize) -> Self {
        Self {
            services: HashMap::new(),
            fair: BTreeSet::new(),
            urgent: Default::default(),
            active: 0,
            turn,
            most,
        }
    }

    /// Changes a service's lane, which is made when it is not there and dropped when nothing is left in it.
    pub(super) fn change(
        &mut self,
        service: ServiceId,
        new: impl FnOnce() -> ServiceLane,
        change: impl FnOnce(&mut ServiceLane),
    ) {
        let lane = self.services.entry(service).or_insert_with(new);
        let (before, active) = (place(lane), lane.active);
        change(lane);
        let after = place(lane);
        self.active = self.active + lane.active - active;
        if lane.is_empty() {
            self.services.remove(&service);
        }
        if before == after {
            return;
        }
        if let Some((share, head)) = before {
            self.fair.remove(&(share, service));
            self.urgent[head.priority as usize].remove(&(head, service));
        }
        if let Some((share, head)) = after {
            self.fair.insert((share, service));
            self.urgent[head.priority as usize].insert((head, service));
        }
    }

    /// Its place among workspaces, if it would give a run and may have one more.
    pub(super) fn share(&self) -> Option<Share> {
        let gives = self.active < self.most && !self.fair.is_empty();
        gives.then_some((self.active, self.turn))
    }

    /// The services that would give a run, the next one first.
    pub(super) fn services(&self) -> impl Iterator<Item = &ServiceLane> {
        let gives = self.active < self.most;
        let urgent = self.overtakes().filter(|_| gives);
        let fair = gives.then_some(&self.fair).into_iter().flatten();
        let fair = fair
            .map(|(_, service)| *service)
            .filter(move |service| Some(*service) != urgent);
        urgent.into_iter().chain(fair).filter_map(|id| self.services.get(&id))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.services.is_empty()
    }

    /// The service whose run is more urgent than that of the one whose turn it is, and counts as come before it.
    fn overtakes(&self) -> Option<ServiceId> {
        let (_, next) = self.fair.first()?;
        let head = self.services.get(next)?.head()?;
        let urgent = Priority::ALL.iter().take_while(|priority| **priority < head.priority);
        let first = urgent
            .filter_map(|priority| self.urgent[*priority as usize].first())
            .min()?;
        (first.0.order < head.order).then_some(first.1)
    }
}

fn place(lane: &ServiceLane) -> Option<(Share, Head)> {
    Some(((lane.active, lane.turn), lane.head()?))
}
