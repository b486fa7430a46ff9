//! The keeper of a pool: starts cells ahead of demand and hands them to whoever waits.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};

use super::lane::Lane;
use crate::{Cell, CellError, CellProvider};

/// After a failed start nothing is started ahead for this long, doubled with each failure in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// The longest pause between two attempts to start ahead.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// More starts at once only slow each other down; a start is mostly processor time.
const MOST_STARTS: usize = 4;

/// What can happen to a keeper.
enum Happening {
    Stop,
    Wanted,
    PauseOver,
    Started(Box<Result<Result<Cell, CellError>, JoinError>>),
}

/// Keeps the pool until it is stopped, then kills every cell.
pub(super) async fn keep(provider: Arc<dyn CellProvider>, lane: Arc<Lane>) {
    let mut keeper = Keeper {
        provider,
        lane,
        starts: JoinSet::new(),
        failures: 0,
        paused: false,
    };
    loop {
        keeper.start_missing();
        match keeper.next().await {
            Happening::Stop => break,
            Happening::Wanted => {}
            Happening::PauseOver => keeper.paused = false,
            Happening::Started(started) => keeper.started(*started),
        }
    }
    keeper.end().await;
}

struct Keeper {
    provider: Arc<dyn CellProvider>,
    lane: Arc<Lane>,
    starts: JoinSet<Result<Cell, CellError>>,
    failures: u32,
    paused: bool,
}

impl Keeper {
    async fn next(&mut self) -> Happening {
        let pause = FIRST_PAUSE
            .saturating_mul(1 << self.failures.clamp(1, 8) >> 1)
            .min(LONGEST_PAUSE);
        tokio::select! {
            () = self.lane.stop.cancelled() => Happening::Stop,
            Some(started) = self.starts.join_next() => Happening::Started(Box::new(started)),
            () = self.lane.wanted.notified() => Happening::Wanted,
            () = tokio::time::sleep(pause), if self.paused => Happening::PauseOver,
        }
    }

    /// Starts what takers wait for, and what is missing to the warm number unless a pause holds.
    fn start_missing(&mut self) {
        let mut state = self.lane.state();
        state.takers.retain(|taker| !taker.is_closed());
        let ahead = if self.paused { 0 } else { self.lane.config.warm };
        let wanted = (state.takers.len() + ahead).saturating_sub(state.ready.len());
        while self.starts.len() < wanted.min(MOST_STARTS) {
            let provider = self.provider.clone();
            let lane = self.lane.clone();
            self.starts
                .spawn(async move { provider.start(&lane.config.spec).await });
        }
        state.counters.starting = self.starts.len();
    }

    fn started(&mut self, started: Result<Result<Cell, CellError>, JoinError>) {
        let outcome = started.unwrap_or_else(|broken| Err(CellError::Unable(format!("the start broke off: {broken}"))));
        let mut state = self.lane.state();
        match &outcome {
            Ok(_) => {
                self.failures = 0;
                self.paused = false;
                state.counters.started += 1;
                state.counters.last_failure = None;
            }
            Err(error) => {
                tracing::error!(%error, "a cell could not be started");
                self.failures = self.failures.saturating_add(1);
                self.paused = true;
                state.counters.failed += 1;
                state.counters.last_failure = Some(error.to_string());
            }
        }
        let mut unsent = outcome;
        while let Some(taker) = state.takers.pop_front() {
            match taker.send(unsent) {
                Ok(()) => return,
                // That taker went away in the meantime; the next one gets it.
                Err(returned) => unsent = returned,
            }
        }
        if let Ok(cell) = unsent {
            state.ready.push_back(cell);
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
        for cell in ready {
            ends.spawn(async move {
                if let Err(error) = cell.kill().await {
                    tracing::warn!(%error, "a ready cell was not removed completely");
                }
            });
        }
        while ends.join_next().await.is_some() {}
    }
}
