//! What a cell has on its host beside its processes, and the removal of it.

use std::path::PathBuf;
use std::sync::Arc;

use super::cgroup::CellGroups;
use super::core::Core;
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
        let result = self.core.cleanup.remove(&self.id).await;
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
            gone: true,
        };
        self.core.spawn(async move {
            if let Err(error) = rest.remove().await {
                tracing::warn!(%error, "a cell that did not start was not removed completely");
            }
        });
    }
}
