//! The disk of a cell, with whatever its storage made for it: a subvolume, a file, a mount, a loop device.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;

use super::Debris;
use crate::CellId;
use crate::storage::Storage;

#[derive(Debug)]
pub(crate) struct Disks {
    storage: Arc<dyn Storage>,
}

impl Disks {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Self {
        Self { storage }
    }
}

#[async_trait]
impl Debris for Disks {
    fn kind(&self) -> &'static str {
        "disk"
    }

    async fn cells(&self) -> io::Result<BTreeSet<CellId>> {
        Ok(self.storage.cells().await?.into_iter().collect())
    }

    async fn remove(&self, id: &CellId) -> io::Result<Vec<String>> {
        let was_there = self.storage.cells().await?.contains(id);
        self.storage.remove(id).await?;
        Ok(if was_there { vec![id.to_string()] } else { Vec::new() })
    }
}
