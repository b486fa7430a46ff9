//! The storage of one provider, and the roots on it: opened when the first cell needs them.

use std::sync::Arc;

use super::core::Core;
use super::debris::Disks;
use crate::CellError;
use crate::roots::Roots;
use crate::storage::{Storage, open_storage};

/// Where disks stand.
#[derive(Debug)]
pub(crate) struct Shelf {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) roots: Roots,
}

impl Core {
    /// The storage, opened at the first call. A failure is tried again at the next.
    pub(crate) async fn shelf(&self) -> Result<&Shelf, CellError> {
        self.shelf.get_or_try_init(|| self.open_shelf()).await
    }

    async fn open_shelf(&self) -> Result<Shelf, CellError> {
        let storage = open_storage(self.owner.state(), self.config.storage, self.config.pool_bytes).await?;
        let roots = Roots::open(storage.clone(), self.config.roots_bytes).await;
        let roots = roots.map_err(CellError::io("read the roots in", storage.folder()))?;
        self.cleanup.add_storage(vec![Arc::new(Disks::new(storage.clone()))]);
        Ok(Shelf { storage, roots })
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        if let Err(error) = self.roots.write() {
            tracing::debug!(%error, "what was counted of the roots is not written");
        }
        self.storage.close();
    }
}
