//! What a cell has on its host beside its processes, and the removal of it.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::cgroup::CellGroups;
use super::core::Core;
use crate::roots::Borrowed;
use crate::{CellError, CellId};

/// What one cell has on its host, and its share in the firewall. Dropping it removes all of it in the background; every step
/// is idempotent.
#[derive(Debug)]
pub(crate) struct Remains {
    pub(crate) core: Arc<Core>,
    pub(crate) id: CellId,
    pub(crate) groups: CellGroups,
    /// Whether the firewall counts this cell.
    pub(crate) firewalled: bool,
    /// Its disk on the host; empty before it has one.
    pub(crate) disk: PathBuf,
    /// The root that the disk is a copy of.
    pub(crate) began: Option<Borrowed>,
    /// Whoever holds it wants the disk of the dead cell.
    pub(crate) disk_hold: Arc<Mutex<()>>,
    gone: bool,
}

impl Remains {
    /// A new cell: its name and its folder.
    pub(crate) fn new(core: &Arc<Core>) -> Result<Self, CellError> {
        let id = core.name_a_cell()?;
        let groups = CellGroups::new(core.hierarchies.clone(), id.as_str());
        Ok(Self {
            core: core.clone(),
            id,
            groups,
            firewalled: false,
            disk: PathBuf::new(),
            began: None,
            disk_hold: Arc::default(),
            gone: false,
        })
    }

    /// The cell's folder on the host.
    pub(crate) fn folder(&self) -> PathBuf {
        self.core.owner.cells().join(self.id.as_str())
    }

    /// Removes everything; processes that still live are killed. What could not be removed is said, and found by the next
    /// sweep: the cell counts as gone, and its folder keeps its name from being taken.
    pub(crate) async fn remove(mut self) -> Result<(), CellError> {
        self.gone = true;
        let held = self.disk_hold.lock().await;
        let result = self.core.cleanup.remove(&self.id).await;
        drop(held);
        self.give_back_the_root().await;
        let lowered = if self.firewalled {
            self.core.firewall.lower(&self.id).await
        } else {
            Ok(())
        };
        self.core.forget(&self.id);
        result?;
        lowered.map_err(|error| CellError::Left {
            id: self.id.clone(),
            left: format!("firewall rules ({error})"),
        })
    }
}

impl Remains {
    /// A generation that was replaced goes with the last cell that began from it.
    async fn give_back_the_root(&mut self) {
        self.began = None;
        if let Some(shelf) = self.core.shelf.get()
            && let Err(error) = shelf.roots.tidy_retired().await
        {
            tracing::warn!(%error, "a replaced root was not removed");
        }
    }
}

impl Drop for Remains {
    fn drop(&mut self) {
        if self.gone {
            return;
        }
        let rest = Self {
            core: self.core.clone(),
            id: self.id.clone(),
            groups: self.groups.clone(),
            firewalled: self.firewalled,
            disk: std::mem::take(&mut self.disk),
            began: self.began.take(),
            disk_hold: self.disk_hold.clone(),
            gone: true,
        };
        self.core.spawn(async move {
            if let Err(error) = rest.remove().await {
                tracing::warn!(%error, "a cell that did not start was not removed completely");
            }
        });
    }
}
