//! A cell of this machine as what carries a cell.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::cell::{ChildSignal, ProcessCell};
use super::promote::promote;
use super::wire::ProcessKiller;
use crate::carrier::{Carrier, Ending, Facts, Signal};
use crate::{
    BoundsHit, CellError, Cidr, DiskLeft, Folder, InCell, InCellChild, Layer, PartOfView, Promoted, Promotion, Relay,
    View,
};

#[async_trait]
impl Carrier for ProcessCell {
    fn facts(&self) -> Facts {
        Facts {
            id: self.id().clone(),
            socket: self.socket().to_path_buf(),
            address: self.address(),
            remapped_root: self.remapped_root(),
            timings: self.timings(),
            limits: self.limits(),
            root: self.root().cloned(),
            // The daemon is the cell's own: whatever it makes ends with it.
            labels: BTreeMap::new(),
            surroundings: self.surroundings.clone(),
            certificates: self.certificates(),
        }
    }

    fn bounds_hit(&self) -> BoundsHit {
        self.bounds_hit()
    }

    fn memory_kills_in(&self, container: &str) -> u64 {
        self.memory_kills_in(container)
    }

    fn disk_left(&self) -> Option<DiskLeft> {
        self.disk_left()
    }

    async fn allow_networks(&self, ranges: &[Cidr]) -> Result<(), CellError> {
        self.allow_networks(ranges).await
    }

    fn ending(&self) -> Arc<dyn Ending> {
        Arc::new(self.killer())
    }

    async fn exec(&self, command: InCell) -> Result<InCellChild, CellError> {
        self.exec(command).await
    }

    async fn new_folder(&self, name: &str) -> Result<Folder, CellError> {
        self.new_folder(name).await
    }

    async fn new_layer(&self, name: &str) -> Result<Layer, CellError> {
        self.new_layer(name).await
    }

    async fn mount_view(&self, name: &str, lowers: &[&Layer]) -> Result<View, CellError> {
        self.mount_view(name, lowers).await
    }

    fn new_view_place(&self, name: &str) -> Result<Option<Folder>, CellError> {
        self.new_view_place(name).map(Some)
    }

    async fn show(&self, part: PartOfView<'_>) -> Result<PathBuf, CellError> {
        self.show(part).await
    }

    async fn unmount_view(&self, view: View) -> Result<Layer, CellError> {
        self.unmount_view(view).await
    }

    async fn open_relay(&self, relay: Relay) -> Result<(), CellError> {
        self.open_relay(relay).await
    }

    async fn cache_folder(&self, name: &str) -> Result<Folder, CellError> {
        self.cache_folder(name).await
    }

    async fn disk_is_full(&self) -> bool {
        self.disk_is_full().await
    }

    async fn promote(&self, wish: Promotion) -> Result<Promoted, CellError> {
        promote(self, wish).await
    }

    fn speed_up(&self) {
        self.core.speed_up(self.id());
    }

    async fn health(&self) -> Result<(), CellError> {
        self.health().await
    }
}

#[async_trait]
impl Ending for ProcessKiller {
    async fn kill(&self) -> Duration {
        self.kill().await
    }

    async fn died(&self) -> String {
        self.dead().await.0
    }

    async fn gone(&self) -> Result<Duration, String> {
        self.gone()
            .await
            .map_err(|left| left.map_or_else(|| "its provider ended first".to_owned(), |error| error.to_string()))
    }
}

#[async_trait]
impl Signal for ChildSignal {
    async fn kill(&self) -> Result<(), CellError> {
        self.kill().await
    }

    fn dead(&self) -> CellError {
        self.dead()
    }
}
