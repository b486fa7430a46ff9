//! The runs of one ref.

use std::collections::{BTreeMap, BTreeSet};

use super::line::{Standing, Ticket};
use super::priority::{Order, Priority};
use crate::ids::RunId;
use crate::plan::Concurrency;

/// What a lane would give next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Head {
    pub(super) order: Order,
    pub(super) priority: Priority,
}

/// All runs of a ref that have not ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct RefLane {
    by_number: BTreeMap<u64, Spot>,
    /// Those that wait and need not keep the ref's order.
    loose: BTreeSet<Head>,
    pub(super) active: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Spot {
    head: Head,
    standing: Standing,
    in_order: bool,
}

impl RefLane {
    pub(super) fn put(&mut self, ticket: &Ticket, standing: Standing) {
        let head = ticket.head();
        let in_order = ticket.concurrency != Concurrency::Parallel;
        if standing == Standing::Active {
            self.active += 1;
        } else if standing == Standing::Waiting && !in_order {
            self.loose.insert(head);
        }
        let spot = Spot {
            head,
            standing,
            in_order,
        };
        self.by_number.insert(ticket.number, spot);
    }

    pub(super) fn take(&mut self, ticket: &Ticket) {
        let Some(spot) = self.by_number.remove(&ticket.number) else {
            return;
        };
        if spot.standing == Standing::Active {
            self.active -= 1;
        }
        self.loose.remove(&spot.head);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// The run that may go, as long as no more than `most` are active.
    pub(super) fn head(&self, most: usize) -> Option<Head> {
        if self.active >= most {
            return None;
        }
        let first = self.by_number.first_key_value().map(|(_, spot)| spot);
        let first = first.filter(|spot| spot.in_order && spot.standing == Standing::Waiting);
        let first = first.map(|spot| spot.head);
        match (first, self.loose.first().copied()) {
            (Some(first), Some(loose)) => Some(first.min(loose)),
            (one, other) => one.or(other),
        }
    }

    /// The oldest run of the ref, when `number` keeps the order and is not it.
    pub(super) fn older_than(&self, number: u64) -> Option<u64> {
        let in_order = self.by_number.get(&number).is_some_and(|spot| spot.in_order);
        let first = *self.by_number.first_key_value()?.0;
        (in_order && first < number).then_some(first)
    }

    /// Runs with a smaller number, oldest first.
    pub(super) fn before(&self, number: u64) -> impl Iterator<Item = (RunId, Standing)> {
        let older = self.by_number.range(..number);
        older.map(|(_, spot)| (spot.head.order.run, spot.standing))
    }
}
