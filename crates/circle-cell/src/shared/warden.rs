//! Waits for a cell's death, and removes what it had.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::children::Children;
use super::helper::remove_folder;
use super::provider::Core;
use crate::CellId;
use crate::carrier::Ending;

/// Where a cell stands in its life.
#[derive(Debug, Clone)]
pub(super) enum Life {
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

/// Who sees to a cell's end.
pub(super) struct Warden {
    pub(super) core: Arc<Core>,
    pub(super) id: CellId,
    pub(super) folder: PathBuf,
    pub(super) children: Children,
    pub(super) kill: CancellationToken,
    pub(super) life: watch::Sender<Life>,
}

/// The way to a cell's end.
#[derive(Debug, Clone)]
pub(super) struct SharedEnding {
    pub(super) kill: CancellationToken,
    pub(super) life: watch::Receiver<Life>,
}

impl Warden {
    pub(super) async fn watch(self) {
        let reason = tokio::select! {
            biased;
            () = self.kill.cancelled() => "it was killed".to_owned(),
            why = self.core.engine.gone() => format!("the engine at {} is gone: {why}", self.core.engine.socket().display()),
        };
        self.children.kill_all();
        let marked = self.core.of_cell(&self.id);
        let mut left = Vec::new();
        if let Err(error) = marked.remove_containers().await {
            left.push(format!("its containers ({error})"));
        }
        let at = Instant::now();
        self.life.send_replace(Life::Dead {
            reason: reason.clone(),
            at,
        });
        // What was being made at the moment of the kill has come into being by now.
        if let Err(error) = marked.remove_containers().await
            && left.is_empty()
        {
            left.push(format!("its containers ({error})"));
        }
        if let Err(error) = remove_folder(&self.core.engine, self.id.as_str(), &self.folder).await {
            left.push(format!("its folder {} ({error})", self.folder.display()));
        }
        if let Err(error) = marked.remove_rest().await {
            left.push(format!("networks, volumes or images ({error})"));
        }
        self.life.send_replace(Life::Gone {
            reason,
            at,
            cleaned_in: at.elapsed(),
            left: (!left.is_empty()).then(|| left.join(", ")),
        });
    }
}

impl SharedEnding {
    pub(super) fn is_alive(&self) -> bool {
        matches!(*self.life.borrow(), Life::Alive)
    }

    /// The error of whoever asks something of a dead cell: why it died.
    pub(super) fn reason(&self) -> String {
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
impl Ending for SharedEnding {
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
