//! Starts cells on this machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::cgroup::Hierarchies;
use super::core::Core;
use super::counters;
use super::daemon::daemon_program;
use super::launch::launch;
use super::owner::Ownership;
use super::sweep::{look_after, sweep};
use crate::process::ProcessConfig;
use crate::{Cell, CellError, CellProvider, CellSpec, Described, KeptRoot, RootName, RootTally, StorageFacts, Swept};

/// Cells made of this machine's own namespaces and cgroups.
///
/// When its process dies, in whatever way, the kernel kills every cell; what they had beside their processes is removed
/// by the next owner of the state folder (`sweep`).
#[derive(Debug)]
pub struct ProcessProvider {
    core: Arc<Core>,
}

impl ProcessProvider {
    /// Takes the state folder, which is made when it is missing. Fails when another living process owns it, and when
    /// this machine or this user cannot start cells.
    pub fn open(config: ProcessConfig) -> Result<Self, CellError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(CellError::Unable(
                "making namespaces needs root: run the worker as root".to_owned(),
            ));
        }
        let hierarchies = Hierarchies::detect().ok_or_else(|| {
            CellError::Unable("no cgroup controller for memory is mounted at /sys/fs/cgroup".to_owned())
        })?;
        daemon_program().map_err(CellError::Unable)?;
        let owner = Ownership::take(&config.state)?;
        owner.has_room_for_sockets()?;
        counters::raise();
        Ok(Self {
            core: Arc::new(Core::new(config, owner, hierarchies)),
        })
    }
}

#[async_trait]
impl CellProvider for ProcessProvider {
    async fn start(&self, spec: &CellSpec) -> Result<Cell, CellError> {
        launch(&self.core, spec).await
    }

    async fn sweep(&self) -> Result<Swept, CellError> {
        sweep(&self.core).await
    }

    async fn look_after(&self) -> Result<(), CellError> {
        look_after(&self.core).await
    }

    fn speed_up(&self) {
        for id in self.core.names() {
            self.core.speed_up(&id);
        }
    }

    async fn settled(&self) {
        self.core.all_gone().await;
    }

    fn describe(&self) -> Described {
        Described {
            kind: "process",
            instance: self.core.owner.instance().to_owned(),
            storage: self
                .core
                .shelf
                .get()
                .map_or("unopened", |shelf| shelf.storage.facts().kind),
            state: self.core.owner.state().to_path_buf(),
        }
    }

    async fn storage(&self) -> Result<StorageFacts, CellError> {
        Ok(self.core.shelf().await?.storage.facts().clone())
    }

    async fn settle_roots(&self, ground: &str) -> Result<(), CellError> {
        let shelf = self.core.shelf().await?;
        let settled = shelf.roots.settle(ground).await;
        settled.map_err(CellError::io("remove roots in", shelf.storage.folder()))
    }

    async fn roots(&self) -> Result<Vec<KeptRoot>, CellError> {
        Ok(self.core.shelf().await?.roots.list().0)
    }

    async fn root_tallies(&self) -> Result<BTreeMap<RootName, RootTally>, CellError> {
        Ok(self.core.shelf().await?.roots.list().1)
    }

    async fn root(&self, name: &RootName) -> Result<Option<KeptRoot>, CellError> {
        Ok(self.core.shelf().await?.roots.find(name))
    }

    async fn count_root(&self, name: &RootName, hit: bool) -> Result<(), CellError> {
        self.core.shelf().await?.roots.count(name, hit);
        Ok(())
    }

    async fn forget_root(&self, name: &RootName) -> Result<bool, CellError> {
        let shelf = self.core.shelf().await?;
        let forgotten = shelf.roots.forget(name).await;
        forgotten.map_err(CellError::io("remove a root in", shelf.storage.folder()))
    }
}
