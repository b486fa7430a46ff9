//! The folder of a cell.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::Debris;
use super::names::{entries, named};
use crate::CellId;

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
        let removed = tokio::task::spawn_blocking(move || match fs::remove_dir_all(&folder) {
            Ok(()) => Ok(vec![folder.display().to_string()]),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        });
        removed.await.unwrap_or_else(|broken| Err(io::Error::other(broken)))
    }
}
