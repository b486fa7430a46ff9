//! Cells of failed runs that somebody wanted to look at.
//!
//! A held cell takes a place that nobody needs at the moment: when a run wants it, the oldest held cell goes first. So holding
//! never makes a run wait for longer than a kill takes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circle_cell::pool::PooledCell;
use circle_core::ids::RunId;

use crate::execute::Scene;

/// The cells that are held, and the runs that have cells.
#[derive(Debug)]
pub(super) struct Held {
    state: Mutex<State>,
    /// Cells at the same time, held ones included.
    places: usize,
    /// Held cells at the same time.
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    cells: VecDeque<HeldCell>,
}

/// One held cell.
#[derive(Debug, Clone)]
pub(super) struct HeldCell {
    pub(super) run: RunId,
    pub(super) cell: Arc<PooledCell>,
    pub(super) scene: Scene,
}

/// A run that has a cell or is about to get one.
#[derive(Debug)]
pub(super) struct Turn<'a>(&'a Held);

impl Held {
    pub(super) fn new(places: usize, most: usize) -> Self {
        Self {
            state: Mutex::default(),
            places,
            most,
        }
    }

    /// A run wants a cell: gives the held ones that have to go for it.
    pub(super) fn begin(&self) -> (Turn<'_>, Vec<HeldCell>) {
        let mut state = self.state();
        state.running += 1;
        let surplus = (state.running + state.cells.len()).saturating_sub(self.places);
        let surplus = surplus.min(state.cells.len());
        let gone = state.cells.drain(..surplus).collect();
        (Turn(self), gone)
    }

    /// Holds a cell; gives the one that has to go for it, which may be the same.
    pub(super) fn keep(&self, held: HeldCell) -> Option<HeldCell> {
        let mut state = self.state();
        state.cells.push_back(held);
        let others = state.running.saturating_sub(1);
        let is_full = state.cells.len() > self.most || others + state.cells.len() > self.places;
        if is_full { state.cells.pop_front() } else { None }
    }

    /// The held cell of a run.
    pub(super) fn find(&self, run: RunId) -> Option<HeldCell> {
        self.state().cells.iter().find(|held| held.run == run).cloned()
    }

    /// Takes the held cell of a run out.
    pub(super) fn take(&self, run: RunId) -> Option<HeldCell> {
        let mut state = self.state();
        let at = state.cells.iter().position(|held| held.run == run)?;
        state.cells.remove(at)
    }

    /// Takes all of them out.
    pub(super) fn take_all(&self) -> Vec<HeldCell> {
        self.state().cells.drain(..).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.state().running -= 1;
    }
}
