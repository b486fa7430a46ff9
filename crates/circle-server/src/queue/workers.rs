//! Workers whose orders stream is open.

use std::collections::{BTreeMap, HashMap};

use circle_api::worker::Order;
use circle_core::ids::{RunId, WorkerId};
use circle_core::serving::Reach;
use tokio::sync::mpsc;

use crate::limits;

/// One open stream.
#[derive(Debug)]
pub(crate) struct Stream {
    /// Tells this stream from a later one of the same worker.
    pub(crate) number: u64,
    /// What the worker is to hear.
    pub(crate) orders: mpsc::Receiver<Order>,
}

/// What a worker is when its stream opens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Coming {
    pub(crate) reach: Reach,
    pub(crate) cells: u32,
    pub(crate) draining: bool,
    /// The one run that it was started for.
    pub(crate) only: Option<RunId>,
}

#[derive(Debug)]
struct Slot {
    stream: u64,
    reach: Reach,
    cells: u32,
    draining: bool,
    only: Option<RunId>,
    load: u32,
    sender: mpsc::Sender<Order>,
}

impl Slot {
    fn is_idle(&self) -> bool {
        !self.draining && self.load < self.cells
    }
}

/// Every open stream by worker; a worker has one, a second one takes its place.
#[derive(Debug, Default)]
pub(super) struct Workers {
    slots: HashMap<WorkerId, Slot>,
    streams: u64,
}

impl Workers {
    pub(super) fn connect(&mut self, worker: WorkerId, coming: Coming, load: u32) -> Stream {
        let (sender, orders) = mpsc::channel(limits::ORDERS_WAITING);
        self.streams += 1;
        let number = self.streams;
        let slot = Slot {
            stream: number,
            reach: coming.reach,
            cells: coming.cells.min(limits::MAX_CELLS),
            draining: coming.draining,
            only: coming.only,
            load,
            sender,
        };
        self.slots.insert(worker, slot);
        Stream { number, orders }
    }

    /// Ends a stream; nothing happens when a later one took its place. Tells whether the worker is gone now.
    pub(super) fn disconnect(&mut self, worker: WorkerId, stream: u64) -> bool {
        let own = self.slots.get(&worker).is_some_and(|slot| slot.stream == stream);
        if own {
            self.slots.remove(&worker);
        }
        own
    }

    /// Drops a worker's stream whatever it is: its credential is gone.
    pub(super) fn cut(&mut self, worker: WorkerId) {
        self.slots.remove(&worker);
    }

    pub(super) fn drain(&mut self, worker: WorkerId) {
        if let Some(slot) = self.slots.get_mut(&worker) {
            slot.draining = true;
        }
    }

    /// Of those that serve the same, the least loaded worker that has a free cell; everybody's come last.
    pub(super) fn idle(&self) -> BTreeMap<Reach, WorkerId> {
        let mut least: BTreeMap<Reach, (u64, WorkerId)> = BTreeMap::new();
        for (id, slot) in &self.slots {
            if !slot.is_idle() || slot.only.is_some() {
                continue;
            }
            let load = u64::from(slot.load) * 1000 / u64::from(slot.cells.max(1));
            let known = least.entry(slot.reach).or_insert((load, *id));
            if load < known.0 {
                *known = (load, *id);
            }
        }
        least.into_iter().map(|(reach, (_, id))| (reach, id)).collect()
    }

    /// Workers that were started for one run and do not have it yet.
    pub(super) fn posted(&self) -> impl Iterator<Item = (WorkerId, RunId)> {
        let idle = self.slots.iter().filter(|(_, slot)| slot.is_idle());
        idle.filter_map(|(id, slot)| Some((*id, slot.only?)))
    }

    pub(super) fn add_load(&mut self, worker: WorkerId, by: i32) {
        if let Some(slot) = self.slots.get_mut(&worker) {
            slot.load = slot.load.saturating_add_signed(by);
        }
    }

    /// Whether the order was taken by the stream's queue. A worker whose queue is full is cut: it comes back and is told anew.
    pub(super) fn send(&mut self, worker: WorkerId, order: Order) -> bool {
        let Some(slot) = self.slots.get(&worker) else {
            return false;
        };
        let sent = slot.sender.try_send(order).is_ok();
        if !sent {
            self.slots.remove(&worker);
        }
        sent
    }

    pub(super) fn is_connected(&self, worker: WorkerId) -> bool {
        self.slots.contains_key(&worker)
    }

    pub(super) fn connected(&self) -> usize {
        self.slots.len()
    }

    /// All cells of the workers that serve so, and those that are busy.
    pub(super) fn cells(&self, takes: impl Fn(Reach) -> bool) -> (u64, u64) {
        let counts = |slot: &&Slot| !slot.draining && slot.only.is_none() && takes(slot.reach);
        let slots = self.slots.values().filter(counts);
        slots.fold((0, 0), |(all, busy), slot| {
            (all + u64::from(slot.cells), busy + u64::from(slot.load))
        })
    }
}
