//! The keeper of a pool: starts cells ahead of demand and hands them to whoever waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};

use super::lane::{Lane, State};
use crate::{Cell, CellError, CellProvider, CellSpec, Root, RootName};

/// After a failed start nothing is started ahead for this long, doubled with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two attempts to start ahead.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// More starts at once only slow each other down; a start is mostly processor time.
const MOST_STARTS: usize = 4;
/// A root that no cell starts from so often in a row is broken, and is removed.
const BROKEN_AFTER: u32 = 2;

/// What can happen to a keeper.
enum Happening {
    Stop,
    Wanted,
    PauseOver,
    Started(Box<Result<Started, JoinError>>),
}

struct Started {
    root: Root,
    /// How many had waited when it was begun for one of them; none when it was begun ahead.
    waited: u64,
    outcome: Result<Cell, CellError>,
}

/// Keeps the pool until it is stopped, then kills every cell.
pub(super) async fn keep(provider: Arc<dyn CellProvider>, lane: Arc<Lane>) {
    let mut keeper = Keeper {
        provider,
        lane,
        starts: JoinSet::new(),
        starting: BTreeMap::new(),
        broken: BTreeMap::new(),
        failures: 0,
        paused: false,
    };
    loop {
        let stale = keeper.lane.take_stale().await;
        keeper.end_stale(stale);
        keeper.start_missing().await;
        match keeper.next().await {
            Happening::Stop => break,
            Happening::Wanted => {}
            Happening::PauseOver => keeper.paused = false,
            Happening::Started(started) => keeper.started(*started).await,
        }
    }
    keeper.end().await;
}

struct Keeper {
    provider: Arc<dyn CellProvider>,
    lane: Arc<Lane>,
    starts: JoinSet<Started>,
    starting: BTreeMap<Root, usize>,
    /// Failed starts in a row, by root.
    broken: BTreeMap<RootName, u32>,
    failures: u32,
    paused: bool,
}

impl Keeper {
    async fn next(&mut self) -> Happening {
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.failures.clamp(1, 8) >> 1)
            .min(LONGEST_PAUSE);
        let change = self.lane.next_change();
        tokio::select! {
            () = self.lane.stop.cancelled() => Happening::Stop,
            Some(started) = self.starts.join_next() => Happening::Started(Box::new(started)),
            () = self.lane.wanted.notified() => Happening::Wanted,
            () = tokio::time::sleep(pause), if self.paused => Happening::PauseOver,
            () = at(change), if change.is_some() => Happening::Wanted,
        }
    }

    /// Starts what takers wait for, and what is missing to what should stand ready unless a pause holds.
    async fn start_missing(&mut self) {
        let usual = self.lane.usual_root().await;
        let roots = self.lane.wanted_roots().await;
        let mut missing = Vec::new();
        {
            let mut state = self.lane.state();
            state.takers.retain(|taker| !taker.send.is_closed());
            let awaited = awaited(&state);
            let mut wanted = awaited.clone();
            if !self.paused {
                *wanted.entry(usual).or_default() += self.lane.config.warm;
                for root in roots {
                    *wanted.entry(root).or_default() += 1;
                }
            }
            for (root, count) in wanted {
                let ready = state.ready.iter().filter(|ready| ready.root == root).count();
                let starting = self.starting.get(&root).copied().unwrap_or(0);
                let awaited = awaited.get(&root).copied().unwrap_or(0);
                missing.extend((ready + starting..count).map(|number| (root.clone(), number >= awaited)));
            }
        }
        for (root, ahead) in missing {
            if self.starts.len() < MOST_STARTS {
                self.start(root, ahead);
            }
        }
        self.lane.state().counters.starting = self.starts.len();
    }

    fn start(&mut self, root: Root, ahead: bool) {
        let provider = self.provider.clone();
        let spec = CellSpec {
            ahead,
            ..self.lane.spec_of(&root)
        };
        *self.starting.entry(root.clone()).or_default() += 1;
        let waited = if ahead { 0 } else { self.lane.state().waited };
        self.starts.spawn(async move {
            let outcome = provider.start(&spec).await;
            Started { root, waited, outcome }
        });
    }

    async fn started(&mut self, started: Result<Started, JoinError>) {
        let Started { root, waited, outcome } = match started {
            Ok(started) => started,
            Err(broken) => {
                // Which start it was is not known any more; what is missing is counted anew.
                self.starting.clear();
                let outcome = Err(CellError::Unable(format!("the start broke off: {broken}")));
                Started {
                    root: Root::Plain,
                    waited: self.lane.state().waited,
                    outcome,
                }
            }
        };
        if let Some(count) = self.starting.get_mut(&root) {
            *count = count.saturating_sub(1);
        }
        self.note_health(&root, outcome.as_ref().err()).await;
        self.count(outcome.as_ref().err());
        self.lane.hand_out(&root, outcome, waited);
    }

    fn count(&mut self, error: Option<&CellError>) {
        let mut state = self.lane.state();
        match error {
            None => {
                self.failures = 0;
                self.paused = false;
                state.counters.started += 1;
                state.counters.last_failure = None;
            }
            Some(error) => {
                tracing::error!(%error, "a cell could not be started");
                self.failures = self.failures.saturating_add(1);
                self.paused = true;
                state.counters.failed += 1;
                state.counters.last_failure = Some(error.to_string());
            }
        }
    }

    /// A root that no cell starts from is removed: whoever wishes for it begins from the base, and it is made again.
    async fn note_health(&mut self, root: &Root, error: Option<&CellError>) {
        let Root::Kept(name) = root else { return };
        let Some(error) = error else {
            self.broken.remove(name);
            return;
        };
        let failures = self.broken.entry(name.clone()).or_default();
        *failures += 1;
        if *failures >= BROKEN_AFTER && !matches!(error, CellError::NoRoot(_)) {
            tracing::error!(root = %name, %error, "no cell starts from this root: it is removed");
            self.broken.remove(name);
            if let Err(error) = self.provider.forget_root(name).await {
                tracing::warn!(%error, "a broken root was not removed");
            }
        }
    }

    fn end_stale(&self, stale: Vec<Cell>) {
        for cell in stale {
            tracing::debug!(cell = %cell.id(), root = ?cell.root(), "a ready cell is of no use any more");
            // Dropping kills; its provider removes the rest.
            drop(cell);
        }
    }

    async fn end(mut self) {
        self.starts.shutdown().await;
        let (ready, in_use) = {
            let mut state = self.lane.state();
            state.takers.clear();
            state.counters.starting = 0;
            (
                std::mem::take(&mut state.ready),
                state.in_use.values().cloned().collect::<Vec<_>>(),
            )
        };
        let mut ends = JoinSet::new();
        for killer in in_use {
            ends.spawn(async move {
                killer.kill().await;
            });
        }
        for ready in ready {
            ends.spawn(async move {
                if let Err(error) = ready.cell.kill().await {
                    tracing::warn!(%error, "a ready cell was not removed completely");
                }
            });
        }
        while ends.join_next().await.is_some() {}
    }
}

/// How many takers wait for each root.
fn awaited(state: &State) -> BTreeMap<Root, usize> {
    let mut awaited = BTreeMap::new();
    for taker in &state.takers {
        *awaited.entry(taker.root.clone()).or_default() += 1;
    }
    awaited
}

async fn at(instant: Option<Instant>) {
    if let Some(instant) = instant {
        tokio::time::sleep_until(instant.into()).await;
    }
}
