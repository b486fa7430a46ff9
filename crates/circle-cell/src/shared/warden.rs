//! Waits for a cell's death, and removes what it had.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::children::Children;
use super::helper::remove_folder;
use super::provider::Core;
use crate::CellId;
use crate::ending::Life;

/// Who sees to a cell's end.
pub(super) struct Warden {
    pub(super) core: Arc<Core>,
    pub(super) id: CellId,
    pub(super) folder: PathBuf,
    pub(super) children: Children,
    pub(super) kill: CancellationToken,
    pub(super) life: watch::Sender<Life>,
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
