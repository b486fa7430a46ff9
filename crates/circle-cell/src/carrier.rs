//! What carries a cell: the primitives in which providers differ, and nothing that can be had from them.
//!
//! A [`Cell`](crate::Cell) is one of these and says the same whatever carries it. What the worker does with a cell
//! (folders, copy-on-write views, processes beside the containers, a death that is waited for) is promised by all; how a
//! provider gets there is its own affair: a view is an overlay in one and a copy in another.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    BoundsHit, CellError, CellId, Cidr, DiskLeft, Folder, InCell, InCellChild, Layer, Limits, NotPromoted, Owner,
    PartOfView, Promoted, Promotion, Relay, RootStamp, StartTimings, Surroundings, View,
};

/// One living cell. Dropping it kills the cell, without waiting.
#[async_trait]
pub(crate) trait Carrier: Send + Sync + Debug {
    /// What does not change while the cell lives.
    fn facts(&self) -> Facts;
    /// How often limits were hit so far.
    fn bounds_hit(&self) -> BoundsHit;
    /// How many processes of a container were killed for lack of memory, as far as anybody but the engine knows.
    fn memory_kills_in(&self, container: &str) -> u64;
    /// What is left of the disk under the containers, where that can be asked.
    fn disk_left(&self) -> Option<DiskLeft>;
    /// Lets the cell reach private ranges that its network policy keeps from it, where there is one.
    async fn allow_networks(&self, ranges: &[Cidr]) -> Result<(), CellError>;
    /// The way to the cell's death, which keeps nothing alive.
    fn ending(&self) -> Arc<dyn Ending>;
    /// Starts a process beside the containers.
    async fn exec(&self, command: InCell) -> Result<InCellChild, CellError>;
    /// Makes an empty folder.
    async fn new_folder(&self, name: &str) -> Result<Folder, CellError>;
    /// Makes an empty layer.
    async fn new_layer(&self, name: &str) -> Result<Layer, CellError>;
    /// Lays layers over each other, the first on top, with something to write on.
    async fn mount_view(&self, name: &str, lowers: &[&Layer]) -> Result<View, CellError>;
    /// Where a view will be seen once it is mounted; `None` where nothing can be shown before it is there.
    fn new_view_place(&self, name: &str) -> Result<Option<Folder>, CellError>;
    /// Shows a part of a view at a place of its own.
    async fn show(&self, part: PartOfView<'_>) -> Result<PathBuf, CellError>;
    /// Ends a view.
    async fn unmount_view(&self, view: View) -> Result<Layer, CellError>;
    /// Opens a service of the worker's machine inside the cell.
    async fn open_relay(&self, relay: Relay) -> Result<(), CellError>;
    /// The cache folder of this name: what the cell's root brought along, or empty.
    async fn cache_folder(&self, name: &str) -> Result<Folder, CellError> {
        self.new_folder(name).await
    }
    /// Whether the cell has used up its disk, where it has a bound of its own.
    async fn disk_is_full(&self) -> bool {
        false
    }
    /// Stops the daemon in order, kills the cell, and makes what it leaves a root.
    async fn promote(&self, _wish: Promotion) -> Result<Promoted, CellError> {
        Ok(Promoted::No(NotPromoted::Storage))
    }
    /// Gives a cell that was started ahead its full share of the processors.
    fn speed_up(&self) {}
    /// Asks the daemon whether it answers.
    async fn health(&self) -> Result<(), CellError>;
}

/// What does not change while a cell lives.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) id: CellId,
    pub(crate) socket: PathBuf,
    pub(crate) address: Ipv4Addr,
    pub(crate) remapped_root: Owner,
    pub(crate) timings: StartTimings,
    pub(crate) limits: Limits,
    /// The root that it began from.
    pub(crate) root: Option<RootStamp>,
    /// What everything that is made through the socket must carry, where the daemon is not the cell's own.
    pub(crate) labels: BTreeMap<String, String>,
    /// What the operator's network asks for.
    pub(crate) surroundings: Surroundings,
    /// The bundle of certificates that the cell trusts beside the machine's own, as the daemon sees it.
    pub(crate) certificates: Option<PathBuf>,
}

/// The end of one cell. May be asked from anywhere, at any moment, any number of times.
#[async_trait]
pub(crate) trait Ending: Send + Sync + Debug {
    /// Kills, and waits until everything that ran in the cell is dead. Returns how long that took.
    async fn kill(&self) -> Duration;
    /// Waits until the cell is dead, by whatever cause: one sentence that says which.
    async fn died(&self) -> String;
    /// Waits until nothing is left: how long that took after the death, or what could not be removed.
    async fn gone(&self) -> Result<Duration, String>;
}

/// How one process beside the containers is ended.
#[async_trait]
pub(crate) trait Signal: Send + Sync + Debug {
    /// Kills it and what it started.
    async fn kill(&self) -> Result<(), CellError>;
    /// The error of whoever waits for a process whose cell died first.
    fn dead(&self) -> CellError;
}
