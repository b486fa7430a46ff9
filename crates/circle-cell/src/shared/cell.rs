//! A cell on a shared engine, as its owner holds it.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use super::children::Children;
use crate::carrier::{Carrier, Ending, Facts};
use crate::ending::OrderedEnd;
use crate::engine::Engine;
use crate::{BoundsHit, CellError, Cidr, DiskLeft, Folder, InCell, InCellChild, Layer, PartOfView, Relay, View};

/// A cell on a shared engine.
#[derive(Debug)]
pub(super) struct SharedCell {
    pub(super) facts: Facts,
    pub(super) folder: PathBuf,
    pub(super) children: Children,
    pub(super) ending: OrderedEnd,
}

#[async_trait]
impl Carrier for SharedCell {
    fn facts(&self) -> Facts {
        self.facts.clone()
    }

    /// A cell has no bounds of its own here; those of a container are the engine's to tell.
    fn bounds_hit(&self) -> BoundsHit {
        BoundsHit::default()
    }

    fn memory_kills_in(&self, _container: &str) -> u64 {
        0
    }

    /// Where the engine keeps its containers is its own affair.
    fn disk_left(&self) -> Option<DiskLeft> {
        None
    }

    /// Nothing is kept from it.
    async fn allow_networks(&self, _ranges: &[Cidr]) -> Result<(), CellError> {
        self.alive()
    }

    fn ending(&self) -> Arc<dyn Ending> {
        Arc::new(self.ending.clone())
    }

    async fn exec(&self, command: InCell) -> Result<InCellChild, CellError> {
        self.alive()?;
        self.children
            .start(command, self.ending.clone(), &self.facts.id)
            .map_err(|error| self.refused("start a process", error))
    }

    async fn new_folder(&self, name: &str) -> Result<Folder, CellError> {
        self.alive()?;
        self.make("folders", name)
    }

    async fn new_layer(&self, name: &str) -> Result<Layer, CellError> {
        self.alive()?;
        self.make("layers", name).map(Layer::over)
    }

    async fn mount_view(&self, name: &str, lowers: &[&Layer]) -> Result<View, CellError> {
        self.alive()?;
        self.copied_view(name, lowers).await
    }

    /// A bind of a plain folder cannot be told to show what is mounted later.
    fn new_view_place(&self, _name: &str) -> Result<Option<Folder>, CellError> {
        self.alive().map(|()| None)
    }

    async fn show(&self, part: PartOfView<'_>) -> Result<PathBuf, CellError> {
        self.alive()?;
        self.part(part)
    }

    async fn unmount_view(&self, view: View) -> Result<Layer, CellError> {
        self.alive()?;
        Ok(view.upper)
    }

    /// The engine is this machine's: whatever this machine reaches, it reaches.
    async fn open_relay(&self, _relay: Relay) -> Result<(), CellError> {
        self.alive()
    }

    async fn health(&self) -> Result<(), CellError> {
        self.alive()?;
        let answered = Engine::at(&self.facts.socket).ask("GET", "/_ping", None).await;
        answered
            .map(drop)
            .map_err(|error| self.refused("ask for its health", error))
    }
}

impl SharedCell {
    fn alive(&self) -> Result<(), CellError> {
        if !self.ending.kill.is_cancelled() && self.ending.is_alive() {
            return Ok(());
        }
        Err(CellError::Dead {
            id: self.facts.id.clone(),
            reason: self.ending.reason(),
        })
    }

    pub(super) fn refused(&self, what: &'static str, reason: impl std::fmt::Display) -> CellError {
        CellError::Refused {
            id: self.facts.id.clone(),
            what,
            reason: reason.to_string(),
        }
    }
}

impl Drop for SharedCell {
    fn drop(&mut self) {
        // The warden notices, and removes everything.
        self.ending.kill.cancel();
    }
}
