//! A cell of this machine, as its owner holds it.

use std::fmt::Display;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use nix::sys::statvfs::statvfs;
use tokio::sync::{Mutex, mpsc, watch};

use super::certificates::CERTIFICATES;
use super::cgroup::Hits;
use super::core::Core;
use super::daemon::{DaemonLog, ping};
use super::network::{Doors, serve_relay, stream_listener};
use super::warden::Helper;
use super::wire::{ProcessKiller, Wire};
use crate::exec::Pipes;
use crate::init::CELL_FOLDER;
use crate::init::order::{Door, Order, Run};
use crate::sys::kill_by_pidfd;
use crate::{
    BoundsHit, CellError, CellId, Cidr, DiskLeft, Exit, InCell, InCellChild, Limits, Owner, Relay, RootStamp,
    StartTimings, Surroundings,
};

/// A cell of this machine.
#[derive(Debug)]
pub(crate) struct ProcessCell {
    pub(super) wire: Wire,
    pub(super) helpers: mpsc::Sender<Helper>,
    pub(super) doors: Doors,
    /// Where what the daemon sees as the cell's folder lies on the host.
    pub(super) disk: PathBuf,
    /// The root that it began from.
    pub(super) began: Option<RootStamp>,
    /// Whoever holds it keeps the disk from being removed after the cell's death.
    pub(super) disk_hold: Arc<Mutex<()>>,
    pub(super) daemon: Option<DaemonProcess>,
    /// Its daemon was asked to end, and its containerd with it.
    pub(super) stopping: Arc<AtomicBool>,
    pub(super) folder: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) address: Ipv4Addr,
    pub(super) remapped_root: Owner,
    pub(super) helper_groups: Vec<PathBuf>,
    /// The parent of the containers' cgroups.
    pub(super) jobs: String,
    pub(super) log: DaemonLog,
    pub(super) hits: Hits,
    pub(super) core: Arc<Core>,
    pub(super) limits: Limits,
    pub(super) timings: StartTimings,
    pub(super) surroundings: Surroundings,
}

/// The daemon as a child of the cell's init.
#[derive(Debug, Clone)]
pub(super) struct DaemonProcess {
    pub(super) started_by: u64,
    pub(super) exit: watch::Receiver<Option<Exit>>,
}

/// How a child is killed.
#[derive(Debug, Clone)]
pub(crate) struct ChildSignal {
    wire: Wire,
    started_by: u64,
}

impl ChildSignal {
    pub(crate) fn dead(&self) -> CellError {
        self.wire.dead()
    }

    pub(crate) async fn kill(&self) -> Result<(), CellError> {
        let order = Order::Kill {
            started_by: self.started_by,
        };
        self.wire
            .order("kill a process", order, Vec::new(), None)
            .await
            .map(drop)
    }
}

impl ProcessCell {
    pub(crate) fn id(&self) -> &CellId {
        &self.wire.id
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn timings(&self) -> StartTimings {
        self.timings
    }

    /// The bundle that covers the machine's, when there is more to trust.
    pub(super) fn certificates(&self) -> Option<PathBuf> {
        let more = !self.surroundings.certificates.is_empty();
        more.then(|| Path::new(CELL_FOLDER).join(CERTIFICATES))
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.address
    }

    pub(crate) fn remapped_root(&self) -> Owner {
        self.remapped_root
    }

    pub(crate) fn bounds_hit(&self) -> BoundsHit {
        self.hits.so_far()
    }

    pub(crate) fn memory_kills_in(&self, container: &str) -> u64 {
        self.hits.kills_in(container)
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    /// The folder is the daemon's data root, which is what images, containers and volumes fill.
    pub(crate) fn disk_left(&self) -> Option<DiskLeft> {
        let disk = statvfs(&self.disk.join("docker")).ok()?;
        Some(DiskLeft {
            bytes: disk.blocks_available().saturating_mul(disk.fragment_size()),
            files: (disk.files() > 0).then(|| disk.files_available()),
        })
    }

    pub(crate) fn root(&self) -> Option<&RootStamp> {
        self.began.as_ref()
    }

    pub(crate) async fn disk_is_full(&self) -> bool {
        match self.core.shelf.get() {
            Some(shelf) => shelf.storage.is_full(self.id()).await,
            None => false,
        }
    }

    pub(crate) fn killer(&self) -> ProcessKiller {
        self.wire.killer.clone()
    }

    pub(crate) async fn health(&self) -> Result<(), CellError> {
        ping(&self.socket)
            .await
            .map_err(|error| self.refused("ask for its health", &error))
    }

    pub(crate) async fn exec(&self, command: InCell) -> Result<InCellChild, CellError> {
        let pipes = Pipes::new().map_err(|error| self.refused("make pipes for a process", &error))?;
        let (ended, exit) = watch::channel(None::<Exit>);
        let order = Order::Run(Run::of(command, self.helper_groups.clone()));
        let (started_by, _) = self
            .wire
            .order("start a process", order, pipes.theirs, Some(ended))
            .await?;
        Ok(InCellChild {
            stdin: Some(pipes.stdin),
            stdout: Some(pipes.stdout),
            stderr: Some(pipes.stderr),
            exit,
            signal: Box::new(ChildSignal {
                wire: self.wire.clone(),
                started_by,
            }),
        })
    }

    pub(crate) async fn allow_networks(&self, ranges: &[Cidr]) -> Result<(), CellError> {
        let allowed = self.core.firewall.allow(self.id(), ranges).await;
        allowed.map_err(|error| self.refused("open it to private networks", &error))
    }

    pub(crate) async fn open_relay(&self, relay: Relay) -> Result<(), CellError> {
        let socket = self.listen(relay.inside, Door::Stream).await?;
        let listener = stream_listener(socket).map_err(|error| self.refused("open a relay", &error))?;
        let doors = self.doors.clone();
        self.help(Box::pin(async move {
            serve_relay(&doors, listener, relay.outside).await;
            None
        }))
        .await
    }

    /// A listening socket in the cell's network.
    pub(super) async fn listen(&self, address: SocketAddr, kind: Door) -> Result<OwnedFd, CellError> {
        let (_, socket) = self
            .wire
            .order("listen", Order::Listen { address, kind }, Vec::new(), None)
            .await?;
        socket.ok_or_else(|| self.refused("listen", &"no socket came along"))
    }

    /// Lets a task live as long as the cell.
    pub(super) async fn help(&self, helper: Helper) -> Result<(), CellError> {
        self.helpers.send(helper).await.map_err(|_| self.wire.dead())
    }

    fn refused(&self, what: &'static str, reason: &dyn Display) -> CellError {
        CellError::Refused {
            id: self.id().clone(),
            what,
            reason: reason.to_string(),
        }
    }
}

impl Drop for ProcessCell {
    fn drop(&mut self) {
        // The warden notices the death, and removes the rest.
        let _ = kill_by_pidfd(self.wire.killer.init.as_fd());
    }
}
