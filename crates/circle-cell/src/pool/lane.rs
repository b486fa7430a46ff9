//! The pool: who takes, what stands ready, and the keeper that starts ahead.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::demand::Demand;
use super::keeper::keep;
use super::{PoolConfig, PoolCounters, PooledCell};
use crate::{Cell, CellError, CellId, CellProvider, CellSpec, Killer, Root, RootName, RootStamp};

/// Warm cells ahead of demand. Taking one is instant while one stands ready; its replacement is started at once.
///
/// Promises: never more than `max` cells are given out; takers are served in the order of their asking; a cell is asked
/// for its health before it is given out, and one of a root that was replaced is not given out. Absence: a cell never
/// comes back to the pool.
#[derive(Debug)]
pub struct Pool {
    lane: Arc<Lane>,
    keeper: tokio::sync::Mutex<JoinSet<()>>,
}

/// What takers and the keeper share.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) config: PoolConfig,
    pub(super) provider: Arc<dyn CellProvider>,
    pub(super) stop: CancellationToken,
    /// Wakes the keeper: something was taken, or somebody waits.
    pub(super) wanted: Notify,
    places: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) ready: VecDeque<Ready>,
    pub(super) takers: VecDeque<Taker>,
    /// How many have waited so far; each has its number.
    pub(super) waited: u64,
    pub(super) in_use: HashMap<CellId, Killer>,
    pub(super) demand: Demand,
    pub(super) counters: PoolCounters,
}

/// A cell that stands ready, and what it was started for.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) root: Root,
    pub(super) cell: Cell,
}

/// Somebody who waits for a cell.
#[derive(Debug)]
pub(super) struct Taker {
    pub(super) root: Root,
    pub(super) number: u64,
    pub(super) send: oneshot::Sender<Result<Cell, CellError>>,
}

impl Pool {
    /// Starts the pool and its keeper; must be called inside a tokio runtime.
    pub fn new(provider: Arc<dyn CellProvider>, config: PoolConfig) -> Self {
        let places = Arc::new(Semaphore::new(config.max.clamp(1, Semaphore::MAX_PERMITS)));
        let lane = Arc::new(Lane {
            config,
            provider: provider.clone(),
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
        self.take_of(&[], cancel).await
    }

    /// Takes a cell that begins from the first of these roots that is kept; from the base when none is, and also when no
    /// cell starts from it.
    pub async fn take_of(&self, wishes: &[RootName], cancel: &CancellationToken) -> Result<PooledCell, CellError> {
        let waiting = Waiting::new(&self.lane);
        let place = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(CellError::Cancelled),
            place = self.lane.places.clone().acquire_owned() => place.map_err(|_| CellError::PoolClosed)?,
        };
        let wished = self.lane.first_kept(wishes).await;
        let usual = self.lane.usual_root().await;
        let root = wished.clone().map_or(usual.clone(), Root::Kept);
        if let Some(name) = &wished {
            self.lane.state().demand.taken(name, Instant::now());
        }
        let taken = match self.lane.obtain(&root, cancel).await {
            Err(CellError::Cancelled) => Err(CellError::Cancelled),
            Err(error) if root != usual => {
                tracing::warn!(%error, ?root, "no cell starts from the root: the run begins from the base");
                self.lane.obtain(&usual, cancel).await
            }
            taken => taken,
        };
        drop(waiting);
        let cell = PooledCell::new(taken?, place, self.lane.clone());
        self.lane.count(wishes, &cell).await;
        Ok(cell)
    }

    /// A run that wishes for these roots is on its way: the first that is kept gets a cell now.
    pub async fn expect(&self, wishes: &[RootName]) {
        if let Some(name) = self.lane.first_kept(wishes).await {
            let now = Instant::now();
            self.lane
                .state()
                .demand
                .expected(&name, now + self.lane.config.prepared, now);
            self.lane.wanted.notify_one();
        }
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

    /// The roots that the ready cells began from, in words.
    pub fn ready_roots(&self) -> Vec<String> {
        let state = self.lane.state();
        let names = state
            .ready
            .iter()
            .map(|ready| ready.cell.root().map(ToString::to_string));
        names.map(|name| name.unwrap_or_else(|| "plain".to_owned())).collect()
    }

    /// Roots changed: what stands ready is looked through.
    pub fn refresh(&self) {
        self.lane.wanted.notify_one();
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

    /// What cells begin from whose run has no better root.
    pub(super) async fn usual_root(&self) -> Root {
        match self.provider.root(&RootName::base()).await {
            Ok(Some(base)) => Root::Kept(base.stamp.name),
            _ => self.config.spec.root.clone(),
        }
    }

    /// A root has the images of the specification already.
    pub(super) fn spec_of(&self, root: &Root) -> CellSpec {
        let mut spec = self.config.spec.clone();
        if *root != spec.root {
            spec.images.clear();
        }
        spec.root = root.clone();
        spec
    }

    async fn first_kept(&self, wishes: &[RootName]) -> Option<RootName> {
        for name in wishes {
            if let Ok(Some(root)) = self.provider.root(name).await {
                return Some(root.stamp.name);
            }
        }
        None
    }

    /// Other roots of which a cell is to stand ready now.
    pub(super) async fn wanted_roots(&self) -> Vec<Root> {
        let wanted = {
            let state = self.state();
            let config = &self.config;
            state.demand.wanted(Instant::now(), config.frequent, config.warm_roots)
        };
        let mut roots = Vec::new();
        for name in wanted {
            roots.extend(self.first_kept(&[name]).await.map(Root::Kept));
        }
        roots
    }

    pub(super) fn next_change(&self) -> Option<Instant> {
        self.state().demand.next_change(Instant::now(), self.config.frequent)
    }

    /// Counts for the first wish whether the run got what it wished for.
    async fn count(&self, wishes: &[RootName], cell: &Cell) {
        let began = cell.root().map(|stamp| stamp.name.clone());
        let counted = match (&began, wishes.first()) {
            (Some(began), _) if wishes.contains(began) => Some((began, true)),
            (_, Some(first)) => Some((first, false)),
            _ => None,
        };
        if let Some((name, hit)) = counted
            && let Err(error) = self.provider.count_root(name, hit).await
        {
            tracing::debug!(%error, "the use of a root was not counted");
        }
    }

    /// A cell of this root, and whether it stood ready: one that stands ready and is healthy, or the next that starts.
    async fn obtain(&self, root: &Root, cancel: &CancellationToken) -> Result<(Cell, bool), CellError> {
        let started = loop {
            while let Some(cell) = self.pop_ready(root) {
                cell.speed_up();
                if self.is_current(cell.root()).await && cell.health().await.is_ok() {
                    self.state().counters.taken_warm += 1;
                    return Ok((cell, true));
                }
                tracing::warn!(cell = %cell.id(), "a ready cell does not answer, or is of an old root: killed and replaced");
                self.state().counters.died_ready += 1;
            }
            if let Some(started) = self.wait_in_line(root)? {
                break started;
            }
        };
        let cell = tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(CellError::Cancelled),
            cell = started => cell.map_err(|_| CellError::PoolClosed)??,
        };
        cell.speed_up();
        self.state().counters.taken_cold += 1;
        Ok((cell, false))
    }

    /// Whether a root is still the present one. An empty one never grows old.
    async fn is_current(&self, root: Option<&RootStamp>) -> bool {
        let Some(stamp) = root else { return true };
        matches!(self.provider.root(&stamp.name).await, Ok(Some(root)) if root.stamp == *stamp)
    }

    /// Takes the ready cells out that nobody will want: of replaced roots, or of roots that are asked for no more. The others
    /// can be taken all the while.
    pub(super) async fn take_stale(&self) -> Vec<Cell> {
        let usual = self.usual_root().await;
        let roots = self.wanted_roots().await;
        let look = |ready: &Ready| (ready.cell.id().clone(), ready.root.clone(), ready.cell.root().cloned());
        let looked_at: Vec<_> = self.state().ready.iter().map(look).collect();
        let mut stale = HashSet::new();
        for (id, root, stamp) in looked_at {
            let wanted = root == usual || root == Root::Plain || roots.contains(&root);
            if !wanted || !self.is_current(stamp.as_ref()).await {
                stale.insert(id);
            }
        }
        let mut state = self.state();
        let ready = std::mem::take(&mut state.ready);
        let (old, good): (VecDeque<Ready>, _) = ready.into_iter().partition(|ready| stale.contains(ready.cell.id()));
        state.ready = good;
        old.into_iter().map(|ready| ready.cell).collect()
    }

    /// Gives a started cell to the first who waits for its root, or lets it stand ready. A failure is told to one who waited
    /// when the start was begun: those have numbers up to `waited`. Whoever came later gets a start of their own, since this one
    /// may have failed for what is over.
    pub(super) fn hand_out(&self, root: &Root, outcome: Result<Cell, CellError>, waited: u64) {
        let mut state = self.state();
        let last = if outcome.is_ok() { u64::MAX } else { waited };
        let mut unsent = outcome;
        let fits = |taker: &Taker| taker.root == *root && taker.number <= last;
        while let Some(at) = state.takers.iter().position(fits) {
            let Some(taker) = state.takers.remove(at) else { break };
            match taker.send.send(unsent) {
                Ok(()) => return,
                // That taker went away in the meantime; the next one gets it.
                Err(returned) => unsent = returned,
            }
        }
        if let Ok(cell) = unsent {
            state.ready.push_back(Ready {
                root: root.clone(),
                cell,
            });
        }
    }

    fn pop_ready(&self, root: &Root) -> Option<Cell> {
        let mut state = self.state();
        let at = state.ready.iter().position(|ready| ready.does_for(root))?;
        let ready = state.ready.remove(at);
        drop(state);
        self.wanted.notify_one();
        ready.map(|ready| ready.cell)
    }

    /// Where the next started cell of the root arrives; `None` when one has come to stand ready in this moment.
    fn wait_in_line(&self, root: &Root) -> Result<Option<Arrival>, CellError> {
        let (send, arrival) = oneshot::channel();
        {
            let mut state = self.state();
            if self.stop.is_cancelled() {
                return Err(CellError::PoolClosed);
            }
            if state.ready.iter().any(|ready| ready.does_for(root)) {
                return Ok(None);
            }
            state.waited += 1;
            let (root, number) = (root.clone(), state.waited);
            state.takers.push_back(Taker { root, number, send });
            self.provider.speed_up();
        }
        self.wanted.notify_one();
        Ok(Some(arrival))
    }
}

impl Ready {
    /// An empty cell with the images of the specification does for the base.
    fn does_for(&self, root: &Root) -> bool {
        self.root == *root || (self.root == Root::Plain && *root == Root::Kept(RootName::base()))
    }
}

type Arrival = oneshot::Receiver<Result<Cell, CellError>>;

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

/// The right to one of the pool's places.
pub(super) type Place = OwnedSemaphorePermit;
