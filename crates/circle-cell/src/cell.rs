//! A living cell, and its end.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::carrier::{Carrier, Ending, Facts};
use crate::{
    CellError, CellId, Cidr, Folder, InCell, InCellChild, Layer, Limits, PartOfView, Promoted, Promotion, Relay,
    RootStamp, Surroundings, View,
};

/// A living cell. Dropping it kills it; `kill` also waits until nothing is left of it.
#[derive(Debug)]
pub struct Cell {
    carrier: Box<dyn Carrier>,
    facts: Facts,
}

/// How long each part of a start took, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StartTimings {
    /// Folder, cgroups and firewall.
    pub prepare_ms: u64,
    /// Namespaces, and the cell's own root.
    pub namespace_ms: u64,
    /// The link to the host, names, relays.
    pub network_ms: u64,
    /// From the daemon's start to its first answer.
    pub daemon_ms: u64,
    /// Loading the images that the specification names.
    pub images_ms: u64,
    /// Everything together.
    pub total_ms: u64,
}

/// How a cell ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Killed {
    /// From the order to the death of every process in the cell.
    pub dead_in: Duration,
    /// From there until nothing was left of it.
    pub cleaned_in: Duration,
}

/// How often the limits of a cell were hit, since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct BoundsHit {
    /// How often the jobs together had used up the cell's memory, which kills one of their processes each time.
    pub memory: u64,
    /// Forks that were refused because the jobs together had too many processes; at least 1 when the bound was reached.
    pub pids: u64,
}

impl BoundsHit {
    /// What was hit after `before` was asked.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            memory: self.memory.saturating_sub(before.memory),
            pids: self.pids.saturating_sub(before.pids),
        }
    }
}

/// Room on the disk that a cell's containers write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DiskLeft {
    /// Bytes that an ordinary user can still write.
    pub bytes: u64,
    /// Files that can still be made; `None` on file systems that do not count them (btrfs).
    pub files: Option<u64>,
}

/// Why a cell died that nobody killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// One sentence, with the daemon's last words where there are any.
    pub reason: String,
}

/// A user and a group of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Owner {
    /// The user's number on the host.
    pub uid: u32,
    /// The group's number on the host.
    pub gid: u32,
}

/// Kills one cell from anywhere, at any moment, any number of times. Holding it does not keep the cell alive.
#[derive(Debug, Clone)]
pub struct Killer {
    ending: Arc<dyn Ending>,
}

impl Killer {
    /// Sends SIGKILL to the whole cell and waits until every process in it is dead; what remains of it on the host is
    /// removed by the owner of the [`Cell`]. Returns how long it took.
    pub async fn kill(&self) -> Duration {
        self.ending.kill().await
    }
}

impl Cell {
    pub(crate) fn new(carrier: impl Carrier + 'static) -> Self {
        Self {
            facts: carrier.facts(),
            carrier: Box::new(carrier),
        }
    }

    /// The cell's name.
    pub fn id(&self) -> &CellId {
        &self.facts.id
    }

    /// The daemon's socket as the host sees it; only root may open it.
    pub fn socket(&self) -> &Path {
        &self.facts.socket
    }

    /// How long the start took.
    pub fn timings(&self) -> StartTimings {
        self.facts.timings
    }

    /// What the operator's network asks of everything in the cell.
    pub fn surroundings(&self) -> &Surroundings {
        &self.facts.surroundings
    }

    /// The bundle of certificates that the cell trusts, as the daemon sees it; `None`: those of the machine alone.
    pub fn certificates(&self) -> Option<&Path> {
        self.facts.certificates.as_deref()
    }

    /// The cell's own address: names are resolved here on port 53, and containers reach what listens on it.
    pub fn address(&self) -> Ipv4Addr {
        self.facts.address
    }

    /// What everything that is made through the socket must carry: empty where the daemon is the cell's own; where it is
    /// shared, the cell is what carries these.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.facts.labels
    }

    /// Who root inside the containers is on the host.
    pub fn remapped_root(&self) -> Owner {
        self.facts.remapped_root
    }

    /// How often the limits were hit so far: ask when a job died of signal 9 or could not fork.
    pub fn bounds_hit(&self) -> BoundsHit {
        self.carrier.bounds_hit()
    }

    /// How many processes of a running container were killed for lack of memory, whether its own bound was hit or the
    /// cell's. The engine knows only of a container's first process.
    pub fn memory_kills_in(&self, container: &str) -> u64 {
        self.carrier.memory_kills_in(container)
    }

    /// The bounds on all of its containers together.
    pub fn limits(&self) -> Limits {
        self.facts.limits
    }

    /// What is left of the disk under its containers; `None` when that cannot be asked.
    pub fn disk_left(&self) -> Option<DiskLeft> {
        self.carrier.disk_left()
    }

    /// The root that it began from; `None`: empty.
    pub fn root(&self) -> Option<&RootStamp> {
        self.facts.root.as_ref()
    }

    /// Whether the cell has used up its disk, or came so close that a write failed: ask when a job could not write.
    pub async fn disk_is_full(&self) -> bool {
        self.carrier.disk_is_full().await
    }

    /// Ends the cell and makes what it leaves a root, where its provider can; see [`crate::CellProvider::promote`].
    pub(crate) async fn promote(self, wish: Promotion) -> Result<Promoted, CellError> {
        let promoted = self.carrier.promote(wish).await;
        self.kill().await?;
        promoted
    }

    /// A handle that kills this cell from another task.
    pub fn killer(&self) -> Killer {
        Killer {
            ending: self.carrier.ending(),
        }
    }

    /// Starts a process inside the cell's namespaces.
    pub async fn exec(&self, command: InCell) -> Result<InCellChild, CellError> {
        self.carrier.exec(command).await
    }

    /// A new empty folder, owned by the remapped root (mode 0755), which host and cell see under two paths.
    /// `name` is one path component of letters, digits, `-`, `_` and `.`, and must not be in use.
    pub async fn new_folder(&self, name: &str) -> Result<Folder, CellError> {
        self.carrier.new_folder(name).await
    }

    /// The cache folder of this name: with what the cell's root brought along, or empty. `name` as in
    /// [`Cell::new_folder`]. It is kept with a root when [`crate::Promotion::caches`] names it.
    pub async fn cache_folder(&self, name: &str) -> Result<Folder, CellError> {
        self.carrier.cache_folder(name).await
    }

    /// A new empty layer: a folder that can be a read-only part of views.
    pub async fn new_layer(&self, name: &str) -> Result<Layer, CellError> {
        self.carrier.new_layer(name).await
    }

    /// Mounts the layers, the first on top, beneath a fresh writable layer. What is written to a view is seen in that
    /// view alone, and afterwards stands in [`View::written`].
    pub async fn mount_view(&self, name: &str, lowers: &[&Layer]) -> Result<View, CellError> {
        self.carrier.mount_view(name, lowers).await
    }

    /// Where the view of this name will be mounted: a container that shows this folder with the propagation `rslave`, started
    /// before [`Cell::mount_view`], sees the view from the moment at which it is mounted. `None`: this cell cannot do that.
    pub fn new_view_place(&self, name: &str) -> Result<Option<Folder>, CellError> {
        self.carrier.new_view_place(name)
    }

    /// Shows a part of a mounted view at a place of its own, and gives the place as the daemon sees it. Safe against whoever
    /// changes links in the view meanwhile.
    pub async fn show(&self, part: PartOfView<'_>) -> Result<PathBuf, CellError> {
        self.carrier.show(part).await
    }

    /// Unmounts a view and gives back what was written to it as a layer.
    pub async fn unmount_view(&self, view: View) -> Result<Layer, CellError> {
        self.carrier.unmount_view(view).await
    }

    /// Opens one more service of the host inside the cell.
    pub async fn open_relay(&self, relay: Relay) -> Result<(), CellError> {
        self.carrier.open_relay(relay).await
    }

    /// Lets this cell alone reach private ranges that others do not; never the host, another cell or a metadata address,
    /// whatever the ranges say. Later calls replace earlier ones.
    pub async fn allow_networks(&self, ranges: &[Cidr]) -> Result<(), CellError> {
        self.carrier.allow_networks(ranges).await
    }

    /// Gives the cell its full share of the processors, if it was started ahead of demand.
    pub fn speed_up(&self) {
        self.carrier.speed_up();
    }

    /// Asks the daemon whether it answers.
    pub async fn health(&self) -> Result<(), CellError> {
        self.carrier.health().await
    }

    /// Waits until the cell is dead, by whatever cause.
    pub async fn died(&self) -> Death {
        Death {
            reason: self.carrier.ending().died().await,
        }
    }

    /// Kills everything in the cell, then removes what it had on the host. When it fails, a later sweep removes the
    /// rest.
    pub async fn kill(self) -> Result<Killed, CellError> {
        let ending = self.carrier.ending();
        let dead_in = ending.kill().await;
        match ending.gone().await {
            Ok(cleaned_in) => Ok(Killed { dead_in, cleaned_in }),
            Err(left) => Err(CellError::Left {
                id: self.facts.id.clone(),
                left,
            }),
        }
    }
}
