//! The pool: who takes, what stands ready, and the keeper that starts ahead.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::keeper::keep;
use super::{PoolConfig, PoolCounters, PooledCell};
use crate::{Cell, CellError, CellId, CellProvider, Killer};

/// Warm cells ahead of demand. Taking one is instant while one stands ready; its replacement is started at once.
///
/// Promises: never more than `max` cells are given out; takers are served in the order of their asking; a cell is asked
/// for its health before it is given out. Absence: a cell never comes back to the pool.
#[derive(Debug)]
pub struct Pool {
    lane: Arc<Lane>,
    keeper: tokio::sync::Mutex<JoinSet<()>>,
}

/// What takers and the keeper share.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) config: PoolConfig,
    pub(super) stop: CancellationToken,
    /// Wakes the keeper: something was taken, or somebody waits.
    pub(super) wanted: Notify,
    places: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) ready: VecDeque<Cell>,
    pub(super) takers: VecDeque<oneshot::Sender<Result<Cell, CellError>>>,
    pub(super) in_use: HashMap<CellId, Killer>,
    pub(super) counters: PoolCounters,
}

impl Pool {
    /// Starts the pool and its keeper; must be called inside a tokio runtime.
    pub fn new(provider: Arc<dyn CellProvider>, config: PoolConfig) -> Self {
        let places = Arc::new(Semaphore::new(config.max.clamp(1, Semaphore::MAX_PERMITS)));
        let lane = Arc::new(Lane {
            config,
            stop: CancellationToken::new(),
            wanted: Notify::new(),
            places,
            state: Mutex::default(),
        });
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(provider, lane.clone()));
        Self {
            lane,
            keeper: tokio::sync::Mutex::new(keeper),
        }
    }

    /// Takes a cell, waiting for a free place and for a start if need be. A start that fails for this taker is this
    /// taker's error.
    pub async fn take(&self, cancel: &CancellationToken) -> Result<PooledCell, CellError> {
        let waiting = Waiting::new(&self.lane);
        let place = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(CellError::Cancelled),
            place = self.lane.places.clone().acquire_owned() => place.map_err(|_| CellError::PoolClosed)?,
        };
        while let Some(cell) = self.lane.pop_ready() {
            if cell.health().await.is_ok() {
                self.lane.state().counters.taken_warm += 1;
                drop(waiting);
                return Ok(PooledCell::new(cell, place, self.lane.clone()));
            }
            tracing::warn!(cell = %cell.id(), "a ready cell does not answer: killed and replaced");
            self.lane.state().counters.died_ready += 1;
        }
        let cell = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(CellError::Cancelled),
            cell = self.lane.next_started() => cell?,
        };
        self.lane.state().counters.taken_cold += 1;
        drop(waiting);
        Ok(PooledCell::new(cell, place, self.lane.clone()))
    }

    /// What the pool has and did.
    pub fn counters(&self) -> PoolCounters {
        let state = self.lane.state();
        PoolCounters {
            ready: state.ready.len(),
            in_use: state.in_use.len(),
            ..state.counters.clone()
        }
    }

    /// Gives out no more cells and kills all, also those in use; returns when those that stood ready are gone.
    pub async fn shutdown(&self) {
        self.lane.places.close();
        self.lane.stop.cancel();
        let mut keeper = self.keeper.lock().await;
        while keeper.join_next().await.is_some() {}
    }
}

impl Lane {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn given_out(&self, cell: &Cell) {
        self.state().in_use.insert(cell.id().clone(), cell.killer());
    }

    pub(super) fn came_back(&self, id: &CellId) {
        self.state().in_use.remove(id);
        self.wanted.notify_one();
    }

    fn pop_ready(&self) -> Option<Cell> {
        let cell = self.state().ready.pop_front();
        self.wanted.notify_one();
        cell
    }

    async fn next_started(&self) -> Result<Cell, CellError> {
        let (taker, cell) = oneshot::channel();
        {
            let mut state = self.state();
            if self.stop.is_cancelled() {
                return Err(CellError::PoolClosed);
            }
            state.takers.push_back(taker);
        }
        self.wanted.notify_one();
        cell.await.map_err(|_| CellError::PoolClosed)?
    }
}

/// Counts one waiting taker, also when the taker goes away.
struct Waiting<'a>(&'a Lane);

impl<'a> Waiting<'a> {
    fn new(lane: &'a Lane) -> Self {
        lane.state().counters.waiting += 1;
        Self(lane)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().counters.waiting -= 1;
    }
}
