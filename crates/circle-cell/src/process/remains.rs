//! What a cell has on its host beside its processes, and the removal of it.

use std::fmt::Write;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::cgroup::CellGroups;
use super::core::Core;
use super::network::remove_link;
use crate::{CellError, CellId};

/// A dead process leaves its cgroup a moment after it is reaped.
const GROUP_DEADLINE: Duration = Duration::from_secs(5);
const GROUP_PAUSE: Duration = Duration::from_millis(3);

/// What one cell has on its host: a folder, cgroups, a link, a share in the firewall. Dropping it removes all of it in
/// the background; every step is idempotent.
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

    /// Removes everything; the processes must be dead or are killed. Says what could not be removed.
    pub(crate) async fn remove(mut self) -> Result<(), CellError> {
        self.gone = true;
        let result = remove_all(&self.id, &self.groups, &self.folder()).await;
        let lowered = if self.firewalled {
            self.core.firewall.lower().await
        } else {
            Ok(())
        };
        // The name stays taken when something is left, so that no new cell stumbles over it; the next owner sweeps.
        result?;
        self.core.forget(&self.id);
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

/// Removes cgroups, link and folder of a cell by its name alone; what is gone already is no error.
pub(crate) async fn remove_all(id: &CellId, groups: &CellGroups, folder: &Path) -> Result<(), CellError> {
    let mut left = String::new();
    let mut note = |what: &str, outcome: io::Result<()>| {
        if let Err(error) = outcome {
            let _ = write!(left, "{}{what} ({error})", if left.is_empty() { "" } else { ", " });
        }
    };
    let (emptied, unlinked) = tokio::join!(remove_groups(groups), async { remove_link(&id.link()).await.map(drop) });
    note("cgroups", emptied);
    note("the network link", unlinked);
    // The folder goes last: as long as it is there, a sweep knows the name.
    if left.is_empty() {
        let folder = folder.to_path_buf();
        let removed = tokio::task::spawn_blocking(move || remove_folder(&folder)).await;
        let outcome = removed.unwrap_or_else(|broken| Err(io::Error::other(broken)));
        if let Err(error) = outcome {
            let _ = write!(left, "its folder ({error})");
        }
    }
    if left.is_empty() {
        Ok(())
    } else {
        Err(CellError::Left { id: id.clone(), left })
    }
}

async fn remove_groups(groups: &CellGroups) -> io::Result<()> {
    let deadline = tokio::time::Instant::now() + GROUP_DEADLINE;
    loop {
        match groups.remove() {
            Ok(_) => return Ok(()),
            Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
            Err(_) => {
                groups.kill_all();
                tokio::time::sleep(GROUP_PAUSE).await;
            }
        }
    }
}

fn remove_folder(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}
