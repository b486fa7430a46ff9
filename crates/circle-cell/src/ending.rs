//! The order to die, and where a cell stands in its life: for providers whose cells are not children of this process.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::carrier::Ending;

/// Where a cell stands in its life.
#[derive(Debug, Clone)]
pub(crate) enum Life {
    Alive,
    /// Nothing of it runs; the rest is being removed.
    Dead {
        reason: String,
        at: Instant,
    },
    /// Nothing is left, or `left` says what.
    Gone {
        reason: String,
        at: Instant,
        cleaned_in: Duration,
        left: Option<String>,
    },
}

/// The way to a cell's end.
#[derive(Debug, Clone)]
pub(crate) struct OrderedEnd {
    pub(crate) kill: CancellationToken,
    pub(crate) life: watch::Receiver<Life>,
}

impl OrderedEnd {
    pub(crate) fn is_alive(&self) -> bool {
        matches!(*self.life.borrow(), Life::Alive)
    }

    /// The error of whoever asks something of a dead cell: why it died.
    pub(crate) fn reason(&self) -> String {
        match &*self.life.borrow() {
            Life::Alive => "it is being killed".to_owned(),
            Life::Dead { reason, .. } | Life::Gone { reason, .. } => reason.clone(),
        }
    }

    async fn dead(&self) -> (String, Instant) {
        let mut life = self.life.clone();
        match life.wait_for(|life| !matches!(life, Life::Alive)).await.as_deref() {
            Ok(Life::Dead { reason, at } | Life::Gone { reason, at, .. }) => (reason.clone(), *at),
            _ => ("its provider has ended".to_owned(), Instant::now()),
        }
    }
}

#[async_trait]
impl Ending for OrderedEnd {
    async fn kill(&self) -> Duration {
        let ordered = Instant::now();
        self.kill.cancel();
        self.dead().await.1.saturating_duration_since(ordered)
    }

    async fn died(&self) -> String {
        self.dead().await.0
    }

    async fn gone(&self) -> Result<Duration, String> {
        let mut life = self.life.clone();
        match life.wait_for(|life| matches!(life, Life::Gone { .. })).await.as_deref() {
            Ok(Life::Gone {
                left: None, cleaned_in, ..
            }) => Ok(*cleaned_in),
            Ok(Life::Gone { left: Some(left), .. }) => Err(left.clone()),
            _ => Err("its provider ended first".to_owned()),
        }
    }
}
