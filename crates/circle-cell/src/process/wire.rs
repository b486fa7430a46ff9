//! How a cell's handles speak with its warden.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};

use crate::init::order::Order;
use crate::sys::kill_by_pidfd;
use crate::{CellError, CellId, Exit};

/// Orders of one cell that may wait for its init; more only wait at their callers.
pub(super) const MOST_ORDERS: usize = 64;

/// One order on its way to the init.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) order: Order,
    pub(super) descriptors: Vec<OwnedFd>,
    /// Where the end of a started process is told.
    pub(super) ended: Option<watch::Sender<Option<Exit>>>,
    /// The order's number, and the socket that it brought.
    pub(super) answer: oneshot::Sender<Result<(u64, Option<OwnedFd>), String>>,
}

/// Where a cell stands in its life.
#[derive(Debug, Clone)]
pub(super) enum Life {
    Alive,
    /// Every process is dead; the rest is being removed.
    Dead {
        reason: String,
        at: Instant,
    },
    /// Nothing is left, or `left` says what.
    Gone {
        reason: String,
        at: Instant,
        cleaned_in: Duration,
        left: Option<Arc<CellError>>,
    },
}

/// The way to a cell's warden. The cell is killed when the last of them is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    pub(super) id: CellId,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) killer: ProcessKiller,
}

/// The way to a cell's death, which keeps nothing alive.
#[derive(Debug, Clone)]
pub(crate) struct ProcessKiller {
    pub(super) init: Arc<OwnedFd>,
    pub(super) life: watch::Receiver<Life>,
}

impl Wire {
    /// Gives an order and waits until it is carried out.
    pub(super) async fn order(
        &self,
        what: &'static str,
        order: Order,
        descriptors: Vec<OwnedFd>,
        ended: Option<watch::Sender<Option<Exit>>>,
    ) -> Result<(u64, Option<OwnedFd>), CellError> {
        let (answer, answered) = oneshot::channel();
        if self
            .asks
            .send(Ask {
                order,
                descriptors,
                ended,
                answer,
            })
            .await
            .is_err()
        {
            return Err(self.dead());
        }
        match answered.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(reason)) => Err(CellError::Refused {
                id: self.id.clone(),
                what,
                reason,
            }),
            Err(_) => Err(self.dead()),
        }
    }

    /// The error of whoever asks something of a dead cell.
    pub(super) fn dead(&self) -> CellError {
        let reason = match &*self.killer.life.borrow() {
            Life::Alive => "it is being killed".to_owned(),
            Life::Dead { reason, .. } | Life::Gone { reason, .. } => reason.clone(),
        };
        CellError::Dead {
            id: self.id.clone(),
            reason,
        }
    }
}

impl ProcessKiller {
    /// Kills, and waits until every process is dead.
    pub(crate) async fn kill(&self) -> Duration {
        let ordered = Instant::now();
        if let Err(error) = kill_by_pidfd(self.init.as_fd()) {
            tracing::error!(%error, "a cell could not be killed");
        }
        self.dead().await.1.saturating_duration_since(ordered)
    }

    /// Waits until every process is dead; says why, and when.
    pub(super) async fn dead(&self) -> (String, Instant) {
        let mut life = self.life.clone();
        match life.wait_for(|life| !matches!(life, Life::Alive)).await.as_deref() {
            Ok(Life::Dead { reason, at } | Life::Gone { reason, at, .. }) => (reason.clone(), *at),
            _ => ("its provider has ended".to_owned(), Instant::now()),
        }
    }

    /// Waits until nothing is left: how long that took after the death.
    pub(super) async fn gone(&self) -> Result<Duration, Option<Arc<CellError>>> {
        let mut life = self.life.clone();
        match life.wait_for(|life| matches!(life, Life::Gone { .. })).await.as_deref() {
            Ok(Life::Gone {
                left: None, cleaned_in, ..
            }) => Ok(*cleaned_in),
            Ok(Life::Gone { left: Some(error), .. }) => Err(Some(error.clone())),
            _ => Err(None),
        }
    }
}
