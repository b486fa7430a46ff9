//! What all cells of one provider share.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OnceCell};
use tokio::task::JoinSet;

use super::cgroup::{CellGroups, Hierarchies};
use super::debris::Cleanup;
use super::network::Firewall;
use super::owner::Ownership;
use super::shelf::Shelf;
use crate::process::ProcessConfig;
use crate::{CellError, CellId};

/// What all cells of one provider share. Lives as long as the last of them, since their wardens hold it.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: ProcessConfig,
    pub(crate) owner: Ownership,
    pub(crate) hierarchies: Hierarchies,
    pub(crate) firewall: Firewall,
    /// Who removes what of dead cells.
    pub(crate) cleanup: Cleanup,
    /// Names of cells that live, or are being made or removed.
    live: Mutex<BTreeSet<CellId>>,
    /// Notified whenever a name is free again.
    freed: Notify,
    tasks: Mutex<JoinSet<()>>,
    pub(super) shelf: OnceCell<Shelf>,
    next: AtomicU32,
}

impl Core {
    pub(crate) fn new(config: ProcessConfig, owner: Ownership, hierarchies: Hierarchies) -> Self {
        let firewall = Firewall::new(owner.instance(), &config.network);
        let cleanup = Cleanup::of_machine(owner.instance(), &owner.cells(), &hierarchies);
        Self {
            config,
            owner,
            hierarchies,
            firewall,
            cleanup,
            live: Mutex::default(),
            freed: Notify::new(),
            tasks: Mutex::default(),
            shelf: OnceCell::new(),
            next: AtomicU32::new(1),
        }
    }

    /// Takes a free name and makes the cell's folder. A name whose folder is there already may have other leftovers.
    pub(crate) fn name_a_cell(&self) -> Result<CellId, CellError> {
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed) & 0xffff;
            let id = CellId::new(self.owner.instance(), number);
            let folder = self.owner.cells().join(id.as_str());
            if !self.live().insert(id.clone()) {
                continue;
            }
            match std::fs::create_dir(&folder) {
                Ok(()) => return Ok(id),
                Err(error) => {
                    self.live().remove(&id);
                    if error.kind() != std::io::ErrorKind::AlreadyExists {
                        return Err(CellError::io("make the folder", folder)(error));
                    }
                }
            }
        }
    }

    /// The names of all cells of this process.
    pub(crate) fn names(&self) -> BTreeSet<CellId> {
        self.live().clone()
    }

    /// Gives a cell its full share of the processors. One that is gone, or has no groups yet, needs none.
    pub(crate) fn speed_up(&self, id: &CellId) {
        let _ = CellGroups::new(self.hierarchies.clone(), id.as_str()).set_share(false);
    }

    /// Nothing is left of the cell: its name is free.
    pub(crate) fn forget(&self, id: &CellId) {
        self.live().remove(id);
        self.freed.notify_waiters();
    }

    /// Waits until no cell is left.
    pub(crate) async fn all_gone(&self) {
        loop {
            let freed = self.freed.notified();
            if self.live().is_empty() {
                return;
            }
            freed.await;
        }
    }

    /// Runs a task that ends by itself; it is aborted with the runtime at the latest.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            tasks.spawn_on(task, &runtime);
        }
    }

    fn live(&self) -> MutexGuard<'_, BTreeSet<CellId>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
