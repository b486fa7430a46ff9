//! A cell that was taken from a pool.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::lane::Lane;
use crate::{Cell, CellError, Killed};

/// A cell that was taken from a pool. Its place in the pool is free again when it is killed or dropped.
#[derive(Debug)]
pub struct PooledCell {
    cell: Option<Cell>,
    place: Option<OwnedSemaphorePermit>,
    lane: Arc<Lane>,
}

impl PooledCell {
    pub(super) fn new(cell: Cell, place: OwnedSemaphorePermit, lane: Arc<Lane>) -> Self {
        lane.given_out(&cell);
        Self {
            cell: Some(cell),
            place: Some(place),
            lane,
        }
    }

    /// Kills the cell. Its place is free as soon as everything in it is dead; this returns when nothing is left.
    pub async fn kill(mut self) -> Result<Killed, CellError> {
        let Some(cell) = self.cell.take() else {
            return Err(CellError::PoolClosed);
        };
        let dead_in = cell.killer().kill().await;
        self.lane.came_back(cell.id());
        self.place = None;
        let killed = cell.kill().await?;
        Ok(Killed { dead_in, ..killed })
    }
}

impl Deref for PooledCell {
    type Target = Cell;

    fn deref(&self) -> &Cell {
        self.cell
            .as_ref()
            .expect("the cell is taken out by kill and drop only, which end the handle")
    }
}

impl Drop for PooledCell {
    fn drop(&mut self) {
        if let Some(cell) = self.cell.take() {
            self.lane.came_back(cell.id());
        }
    }
}
