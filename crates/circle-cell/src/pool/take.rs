//! A cell that was taken from a pool.

use std::ops::Deref;
use std::sync::Arc;

use super::lane::{Lane, Place};
use crate::{Cell, CellError, CellId, Killed, Promoted, Promotion};

/// A cell that was taken from a pool. Its place in the pool is free again when it is killed, promoted or dropped.
#[derive(Debug)]
pub struct PooledCell {
    id: CellId,
    cell: Option<Cell>,
    place: Option<Place>,
    stood_ready: bool,
    lane: Arc<Lane>,
}

impl PooledCell {
    pub(super) fn new((cell, stood_ready): (Cell, bool), place: Place, lane: Arc<Lane>) -> Self {
        lane.given_out(&cell);
        Self {
            id: cell.id().clone(),
            cell: Some(cell),
            place: Some(place),
            stood_ready,
            lane,
        }
    }

    /// Whether the cell stood ready when it was taken.
    pub fn stood_ready(&self) -> bool {
        self.stood_ready
    }

    /// Kills the cell. Its place is free as soon as everything in it is dead; this returns when nothing is left.
    pub async fn kill(mut self) -> Result<Killed, CellError> {
        let Some(cell) = self.cell.take() else {
            return Err(CellError::PoolClosed);
        };
        let dead_in = cell.killer().kill().await;
        self.lane.came_back(&self.id);
        self.place = None;
        let killed = cell.kill().await?;
        Ok(Killed { dead_in, ..killed })
    }

    /// Frees the place for the next taker: the run in this cell is over, and what follows is no load.
    pub fn give_up_place(&mut self) {
        self.place = None;
    }

    /// Ends the cell and makes what it leaves a root. Until then it counts as in use, so that the pool kills it when it
    /// shuts down.
    pub async fn promote(mut self, wish: Promotion) -> Result<Promoted, CellError> {
        let Some(cell) = self.cell.take() else {
            return Err(CellError::PoolClosed);
        };
        self.place = None;
        self.lane.provider.promote(cell, wish).await
    }
}

impl Deref for PooledCell {
    type Target = Cell;

    fn deref(&self) -> &Cell {
        self.cell
            .as_ref()
            .expect("the cell is taken out by what ends the handle only")
    }
}

impl Drop for PooledCell {
    fn drop(&mut self) {
        self.cell = None;
        self.lane.came_back(&self.id);
    }
}
