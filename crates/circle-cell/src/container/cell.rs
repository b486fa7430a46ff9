//! A cell in a container, as its owner holds it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use nix::sys::statvfs::fstatvfs;
use tokio::sync::{mpsc, oneshot, watch};

use super::control::{Ask, Brought};
use crate::carrier::{Carrier, Ending, Facts, Signal};
use crate::ending::OrderedEnd;
use crate::exec::Pipes;
use crate::init::order::{Door, Order, Run};
use crate::process::{Doors, Hits, ping, serve_relay, stream_listener};
use crate::tasks::Tasks;
use crate::{
    BoundsHit, CellError, CellId, Cidr, DiskLeft, Exit, Folder, InCell, InCellChild, Layer, PartOfView, Relay, View,
};

/// A cell in a container.
#[derive(Debug)]
pub(super) struct ContainerCell {
    pub(super) facts: Facts,
    pub(super) folder: PathBuf,
    pub(super) wire: Wire,
    pub(super) ears: Option<Ears>,
    pub(super) doors: Doors,
    /// Relays, aborted with the cell.
    pub(super) helpers: Tasks,
}

/// The way to a cell's init.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    pub(super) id: CellId,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) ending: OrderedEnd,
}

/// What is learnt of a cell through folders that its init has opened.
#[derive(Debug)]
pub(super) struct Ears {
    pub(super) hits: Hits,
    pub(super) data: OwnedFd,
    /// The groups whose paths `hits` knows.
    pub(super) _groups: [OwnedFd; 2],
}

/// How a process beside the containers is killed.
#[derive(Debug)]
struct Child {
    wire: Wire,
    started_by: u64,
}

impl Wire {
    /// Gives an order and waits until it is carried out.
    pub(super) async fn order(
        &self,
        what: &'static str,
        order: Order,
        descriptors: Vec<OwnedFd>,
        ended: Option<watch::Sender<Option<Exit>>>,
    ) -> Result<Brought, CellError> {
        if self.ending.kill.is_cancelled() {
            return Err(self.dead());
        }
        let (answer, answered) = oneshot::channel();
        let ask = Ask {
            order,
            descriptors,
            ended,
            answer,
        };
        if self.asks.send(ask).await.is_err() {
            return Err(self.dead());
        }
        match answered.await {
            Ok(Ok(done)) => Ok(done),
            Ok(Err(reason)) => Err(self.refused(what, reason)),
            Err(_) => Err(self.dead()),
        }
    }

    pub(super) fn refused(&self, what: &'static str, reason: impl Display) -> CellError {
        CellError::Refused {
            id: self.id.clone(),
            what,
            reason: reason.to_string(),
        }
    }

    fn dead(&self) -> CellError {
        CellError::Dead {
            id: self.id.clone(),
            reason: self.ending.reason(),
        }
    }
}

impl ContainerCell {
    /// Starts a process with pipes of its own.
    pub(super) async fn run(&self, command: InCell) -> Result<InCellChild, CellError> {
        let pipes = Pipes::new().map_err(|error| self.wire.refused("make pipes for a process", error))?;
        let (ended, exit) = watch::channel(None);
        // Init knows the groups: what runs for somebody is bounded with the containers.
        let order = Order::Run(Run::of(command, Vec::new()));
        let ordered = self.wire.order("start a process", order, pipes.theirs, Some(ended));
        let (started_by, _) = ordered.await?;
        Ok(InCellChild {
            stdin: Some(pipes.stdin),
            stdout: Some(pipes.stdout),
            stderr: Some(pipes.stderr),
            exit,
            signal: Box::new(Child {
                wire: self.wire.clone(),
                started_by,
            }),
        })
    }
}

#[async_trait]
impl Carrier for ContainerCell {
    fn facts(&self) -> Facts {
        Facts {
            labels: BTreeMap::new(),
            ..self.facts.clone()
        }
    }

    fn bounds_hit(&self) -> BoundsHit {
        self.ears.as_ref().map(|ears| ears.hits.so_far()).unwrap_or_default()
    }

    fn memory_kills_in(&self, container: &str) -> u64 {
        self.ears.as_ref().map_or(0, |ears| ears.hits.kills_in(container))
    }

    fn disk_left(&self) -> Option<DiskLeft> {
        let disk = fstatvfs(self.ears.as_ref()?.data.as_fd()).ok()?;
        Some(DiskLeft {
            bytes: disk.blocks_available().saturating_mul(disk.fragment_size()),
            files: (disk.files() > 0).then(|| disk.files_available()),
        })
    }

    /// Nothing is kept from it: the host's rules are the engine's.
    async fn allow_networks(&self, _ranges: &[Cidr]) -> Result<(), CellError> {
        Ok(())
    }

    fn ending(&self) -> Arc<dyn Ending> {
        Arc::new(self.wire.ending.clone())
    }

    async fn exec(&self, command: InCell) -> Result<InCellChild, CellError> {
        self.run(command).await
    }

    async fn new_folder(&self, name: &str) -> Result<Folder, CellError> {
        self.make("folders", name)
    }

    async fn new_layer(&self, name: &str) -> Result<Layer, CellError> {
        self.make("layers", name).map(Layer::over)
    }

    async fn mount_view(&self, name: &str, lowers: &[&Layer]) -> Result<View, CellError> {
        self.mount(name, lowers).await
    }

    fn new_view_place(&self, name: &str) -> Result<Option<Folder>, CellError> {
        self.make("views", name).map(Some)
    }

    async fn show(&self, part: PartOfView<'_>) -> Result<PathBuf, CellError> {
        self.part(part).await
    }

    async fn unmount_view(&self, view: View) -> Result<Layer, CellError> {
        let order = Order::Unmount { target: view.inside };
        self.wire.order("unmount a view", order, Vec::new(), None).await?;
        Ok(view.upper)
    }

    async fn open_relay(&self, relay: Relay) -> Result<(), CellError> {
        let order = Order::Listen {
            address: relay.inside,
            kind: Door::Stream,
        };
        let (_, mut sockets) = self.wire.order("listen", order, Vec::new(), None).await?;
        let refused = |why: &dyn Display| self.wire.refused("open a relay", why);
        let socket = sockets.pop().ok_or_else(|| refused(&"no socket came along"))?;
        let listener = stream_listener(socket).map_err(|error| refused(&error))?;
        let doors = self.doors.clone();
        self.helpers
            .spawn(async move { serve_relay(&doors, listener, relay.outside).await });
        Ok(())
    }

    async fn health(&self) -> Result<(), CellError> {
        if self.wire.ending.kill.is_cancelled() || !self.wire.ending.is_alive() {
            return Err(self.wire.dead());
        }
        let answered = ping(Path::new(&self.facts.socket)).await;
        answered.map_err(|error| self.wire.refused("ask for its health", error))
    }
}

#[async_trait]
impl Signal for Child {
    async fn kill(&self) -> Result<(), CellError> {
        let order = Order::Kill {
            started_by: self.started_by,
        };
        self.wire
            .order("kill a process", order, Vec::new(), None)
            .await
            .map(drop)
    }

    fn dead(&self) -> CellError {
        self.wire.dead()
    }
}

impl Drop for ContainerCell {
    fn drop(&mut self) {
        // The warden notices, and removes everything.
        self.wire.ending.kill.cancel();
    }
}
