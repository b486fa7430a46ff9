//! Removes what is left of dead cells, recognised by the instance's name: at a worker's start what a crash left, later what
//! an end could not remove.

use super::core::Core;
use crate::{CellError, Swept};

/// Removes every cell of this instance that is not one of this process. The lock on the state folder says that no other
/// process has any.
///
/// One cell that resists does not keep the others: all are tried before the first error is told.
pub(super) async fn sweep(core: &Core) -> Result<Swept, CellError> {
    let mut swept = Swept::default();
    let mut trouble = None;
    // Its disks are looked for as well.
    core.shelf().await?;
    // Looked for before the living are counted: a cell that is born between the two is alive, or not found yet.
    let found = core.cleanup.cells().await;
    let found = found.map_err(CellError::io("look for dead cells of", core.owner.state()))?;
    let living = core.names();
    for id in found.difference(&living) {
        match core.cleanup.remove(id).await {
            Ok(removed) => swept.append(removed),
            Err(error) => {
                trouble.get_or_insert(error);
            }
        }
    }
    look_after(core).await?;
    trouble.map_or(Ok(swept), Err)
}

/// Puts back what living cells rely on and others may have taken away, and makes room for what they may still write.
pub(super) async fn look_after(core: &Core) -> Result<(), CellError> {
    let kept = core.firewall.keep().await;
    if let Some(shelf) = core.shelf.get() {
        let grown = shelf.storage.grow().await;
        grown.map_err(CellError::io("make room for cells in", shelf.storage.folder()))?;
    }
    kept.map_err(CellError::io("keep the firewall rules of", core.owner.state()))
}
