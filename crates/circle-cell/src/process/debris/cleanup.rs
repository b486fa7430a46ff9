//! The list of all kinds of debris, and the removal of what one dead cell has of them.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::io;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use futures_util::future::join_all;

use super::Debris;
use super::{folders, groups, links, mounts, processes};
use crate::process::cgroup::Hierarchies;
use crate::{CellError, CellId, Swept};

/// All kinds, in the order of their removal. Those of one step do not wait for each other; the next step begins when nothing
/// is left of the one before.
#[derive(Debug)]
pub(crate) struct Cleanup {
    processes: Vec<Arc<dyn Debris>>,
    kernel: Vec<Arc<dyn Debris>>,
    /// What the storage adds, once it is there: disks of cells, with their snapshots, mounts and loop devices.
    storage: OnceLock<Vec<Arc<dyn Debris>>>,
    /// As long as a cell's folder is there, its name is known and taken.
    folder: Vec<Arc<dyn Debris>>,
}

impl Cleanup {
    /// The kinds of cells that lie in `cells`, a folder of the instance `instance`.
    pub(crate) fn of_machine(instance: &str, cells: &Path, hierarchies: &Hierarchies) -> Self {
        let groups = groups::Groups::new(instance, hierarchies);
        Self {
            processes: vec![Arc::new(processes::Processes::new(groups.clone()))],
            kernel: vec![
                Arc::new(groups),
                Arc::new(links::Links::new(instance)),
                Arc::new(mounts::Mounts::new(instance, cells)),
            ],
            storage: OnceLock::new(),
            folder: vec![Arc::new(folders::Folders::new(instance, cells))],
        }
    }

    /// Adds the kinds of the storage; a second call changes nothing.
    pub(crate) fn add_storage(&self, kinds: Vec<Arc<dyn Debris>>) {
        let _ = self.storage.set(kinds);
    }

    fn steps(&self) -> [&[Arc<dyn Debris>]; 4] {
        let storage = self.storage.get().map_or(&[][..], Vec::as_slice);
        [&self.processes, &self.kernel, storage, &self.folder]
    }

    /// Every cell of which anything is found on this machine.
    pub(crate) async fn cells(&self) -> io::Result<BTreeSet<CellId>> {
        let mut found = BTreeSet::new();
        for kind in self.steps().into_iter().flatten() {
            found.extend(kind.cells().await?);
        }
        Ok(found)
    }

    /// Removes everything of one dead cell.
    ///
    /// # Errors
    /// [`CellError::Left`] with what could not be removed; it is found again by its name.
    pub(crate) async fn remove(&self, id: &CellId) -> Result<Swept, CellError> {
        let mut swept = Swept::default();
        let mut left = String::new();
        for step in self.steps() {
            let removals = step
                .iter()
                .map(|kind| async move { (kind.kind(), kind.remove(id).await) });
            for (kind, outcome) in join_all(removals).await {
                match outcome {
                    Ok(removed) => swept.add(kind, removed),
                    Err(error) => {
                        let comma = if left.is_empty() { "" } else { ", " };
                        let _ = write!(left, "{comma}{kind} ({error})");
                    }
                }
            }
            if !left.is_empty() {
                return Err(CellError::Left { id: id.clone(), left });
            }
        }
        Ok(swept)
    }
}

impl Swept {
    pub(crate) fn add(&mut self, kind: &'static str, removed: Vec<String>) {
        if !removed.is_empty() {
            self.removed.entry(kind).or_default().extend(removed);
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        for (kind, removed) in other.removed {
            self.add(kind, removed);
        }
    }

    /// What was removed of one kind.
    pub fn of(&self, kind: &str) -> &[String] {
        self.removed.get(kind).map_or(&[], Vec::as_slice)
    }
}
