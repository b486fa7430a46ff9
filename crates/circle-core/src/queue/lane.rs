//! The runs of one service, ref by ref.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::line::{Standing, Ticket};
use super::priority::Order;
use super::ref_lane::{Head, RefLane};

/// Runs at the same time of a service whose own limit is not known yet.
const UNKNOWN_MOST: usize = 10;

/// One service's share.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ServiceLane {
    pub(super) refs: HashMap<Arc<str>, RefLane>,
    /// What each ref would give, the next one first.
    heads: BTreeSet<(Head, Arc<str>)>,
    /// All that wait, also those that may not go yet.
    pub(super) waiting: BTreeSet<Order>,
    pub(super) active: usize,
    pub(super) turn: u64,
    pub(super) most: usize,
    pub(super) most_a_ref: usize,
}

impl ServiceLane {
    pub(super) fn new(turn: u64) -> Self {
        Self {
            refs: HashMap::new(),
            heads: BTreeSet::new(),
            waiting: BTreeSet::new(),
            active: 0,
            turn,
            most: UNKNOWN_MOST,
            most_a_ref: usize::MAX,
        }
    }

    pub(super) fn put(&mut self, ticket: &Ticket, standing: Standing) {
        if standing == Standing::Waiting {
            self.waiting.insert(ticket.head().order);
        }
        self.change(ticket, |lane| lane.put(ticket, standing));
    }

    pub(super) fn take(&mut self, ticket: &Ticket) {
        self.waiting.remove(&ticket.head().order);
        self.change(ticket, |lane| lane.take(ticket));
    }

    /// What it would give, if it may have one more.
    pub(super) fn head(&self) -> Option<Head> {
        let first = self.heads.first().filter(|_| self.active < self.most);
        first.map(|(head, _)| *head)
    }

    /// What its refs would give, the next one first; nothing when it may not have one more.
    pub(super) fn heads(&self) -> impl Iterator<Item = Head> {
        let heads = (self.active < self.most).then_some(&self.heads);
        heads.into_iter().flatten().map(|(head, _)| *head)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.refs.is_empty()
    }

    pub(super) fn limit(&mut self, most: usize, most_a_ref: usize) {
        self.most = most;
        if self.most_a_ref != most_a_ref {
            self.most_a_ref = most_a_ref;
            let heads = self.refs.iter().filter_map(|(name, lane)| {
                let head = lane.head(most_a_ref)?;
                Some((head, Arc::clone(name)))
            });
            self.heads = heads.collect();
        }
    }

    fn change(&mut self, ticket: &Ticket, change: impl FnOnce(&mut RefLane)) {
        let lane = self.refs.entry(Arc::clone(&ticket.git_ref)).or_default();
        let (head, active) = (lane.head(self.most_a_ref), lane.active);
        change(lane);
        let now = lane.head(self.most_a_ref);
        self.active = self.active + lane.active - active;
        if lane.is_empty() {
            self.refs.remove(&ticket.git_ref);
        }
        if head == now {
            return;
        }
        if let Some(head) = head {
            self.heads.remove(&(head, Arc::clone(&ticket.git_ref)));
        }
        if let Some(now) = now {
            self.heads.insert((now, Arc::clone(&ticket.git_ref)));
        }
    }
}
