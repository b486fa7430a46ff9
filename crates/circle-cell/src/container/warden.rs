//! Waits for a cell's death, and removes what it had.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::provider::Core;
use crate::CellId;
use crate::ending::Life;
use crate::engine::Marked;
use crate::remove::remove_tree;

/// Who sees to a cell's end. It is there before the container is.
pub(super) struct Warden {
    pub(super) core: Arc<Core>,
    pub(super) id: CellId,
    pub(super) folder: PathBuf,
    pub(super) kill: CancellationToken,
    /// Why the cell is of no use any more.
    pub(super) reasons: mpsc::Receiver<String>,
    pub(super) life: watch::Sender<Life>,
}

impl Warden {
    pub(super) async fn watch(mut self) {
        let reason = tokio::select! {
            biased;
            () = self.kill.cancelled() => None,
            reason = self.reasons.recv() => reason,
        };
        let reason = reason.unwrap_or_else(|| "it was killed".to_owned());
        // Whoever serves the cell lets go of its init, with which everything in the container dies, whatever the engine does.
        self.kill.cancel();
        let container = Marked::new(self.core.engine.clone(), Core::label(&self.id));
        let mut left = Vec::new();
        if let Err(error) = container.remove_containers().await {
            left.push(format!("its container ({error})"));
        }
        let at = Instant::now();
        self.life.send_replace(Life::Dead {
            reason: reason.clone(),
            at,
        });
        if let Err(error) = remove(self.folder.clone()).await {
            left.push(format!("its folder {} ({error})", self.folder.display()));
        }
        if left.is_empty() {
            self.core.forget(&self.id);
        } else {
            tracing::warn!(cell = %self.id, left = left.join(", "), "a cell was not removed completely");
        }
        self.life.send_replace(Life::Gone {
            reason,
            at,
            cleaned_in: at.elapsed(),
            left: (!left.is_empty()).then(|| left.join(", ")),
        });
    }
}

async fn remove(folder: PathBuf) -> io::Result<()> {
    let removed = tokio::task::spawn_blocking(move || remove_tree(&folder).map(drop));
    removed.await.unwrap_or_else(|broken| Err(io::Error::other(broken)))
}
