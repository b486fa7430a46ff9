//! The folder of a cell.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::Debris;
use super::names::{entries, named};
use crate::CellId;
use crate::remove::remove_tree;

#[derive(Debug)]
pub(super) struct Folders {
    instance: String,
    cells: PathBuf,
}

impl Folders {
    pub(super) fn new(instance: &str, cells: &Path) -> Self {
        Self {
            instance: instance.to_owned(),
            cells: cells.to_path_buf(),
        }
    }
}

#[async_trait]
impl Debris for Folders {
    fn kind(&self) -> &'static str {
        "folder"
    }

    async fn cells(&self) -> io::Result<BTreeSet<CellId>> {
        Ok(named(&self.instance, entries(&self.cells)))
    }

    async fn remove(&self, id: &CellId) -> io::Result<Vec<String>> {
        let folder = self.cells.join(id.as_str());
        let removed = tokio::task::spawn_blocking(move || {
            let was_there = remove_tree(&folder)?;
            Ok(was_there.then(|| folder.display().to_string()).into_iter().collect())
        });
        removed.await.unwrap_or_else(|broken| Err(io::Error::other(broken)))
    }
}
