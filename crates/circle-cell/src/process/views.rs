//! Folders, layers and views of a cell of this machine.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::cell::ProcessCell;
use crate::init::CELL_FOLDER;
use crate::init::order::Order;
use crate::{CellError, Folder, Layer, PartOfView, View, is_plain_name};

/// An overlay needs something beneath its writable layer.
pub(crate) const EMPTY_LAYER: &str = "layers/.empty";
/// Folders that are kept with a root.
pub(super) const CACHES: &str = "caches";

impl ProcessCell {
    pub(crate) async fn new_folder(&self, name: &str) -> Result<Folder, CellError> {
        self.make("folders", name)
    }

    pub(crate) async fn cache_folder(&self, name: &str) -> Result<Folder, CellError> {
        let folder = Folder {
            host: self.disk.join(CACHES).join(name),
            inside: Path::new(CELL_FOLDER).join(CACHES).join(name),
        };
        // Only the daemon's side makes entries here, so what is there is a folder that an earlier run was given.
        if is_plain_name(name) && folder.host.is_dir() {
            return Ok(folder);
        }
        self.make(CACHES, name)
    }

    pub(crate) async fn new_layer(&self, name: &str) -> Result<Layer, CellError> {
        self.make("layers", name).map(Layer::over)
    }

    pub(crate) async fn mount_view(&self, name: &str, lowers: &[&Layer]) -> Result<View, CellError> {
        let upper = Layer::over(self.make("layers", name)?);
        let work = self.make("work", name)?;
        let inside = Path::new(CELL_FOLDER).join("views").join(name);
        let mut beneath: Vec<PathBuf> = lowers.iter().map(|layer| layer.folder.inside.clone()).collect();
        if beneath.is_empty() {
            beneath.push(Path::new(CELL_FOLDER).join(EMPTY_LAYER));
        }
        let order = Order::Mount {
            target: inside.clone(),
            lowers: beneath,
            upper: upper.folder.inside.clone(),
            work: work.inside,
        };
        self.wire.order("mount a view", order, Vec::new(), None).await?;
        Ok(View {
            name: name.to_owned(),
            inside,
            upper,
        })
    }

    /// Where a view of this name will stand: a folder that containers can show before it is mounted.
    pub(crate) fn new_view_place(&self, name: &str) -> Result<Folder, CellError> {
        self.make("views", name)
    }

    pub(crate) async fn show(&self, part: PartOfView<'_>) -> Result<PathBuf, CellError> {
        let target = Path::new(CELL_FOLDER).join("views").join(part.name);
        if !is_plain_name(part.name) {
            return Err(CellError::Refused {
                id: self.id().clone(),
                what: "show a part of a view",
                reason: format!("\"{}\" is not a plain name", part.name.escape_debug()),
            });
        }
        let owner = self.remapped_root;
        let order = Order::Show {
            view: part.view.to_owned(),
            path: part.path.to_owned(),
            target: target.clone(),
            make: part.make.then_some((owner.uid, owner.gid)),
        };
        self.wire
            .order("show a part of a view", order, Vec::new(), None)
            .await?;
        Ok(target)
    }

    pub(crate) async fn unmount_view(&self, view: View) -> Result<Layer, CellError> {
        let order = Order::Unmount { target: view.inside };
        self.wire.order("unmount a view", order, Vec::new(), None).await?;
        Ok(view.upper)
    }

    /// Makes a folder of the mapped root. A few system calls on a local disk: not worth another thread.
    fn make(&self, kind: &str, name: &str) -> Result<Folder, CellError> {
        let refused = |reason: String| CellError::Refused {
            id: self.id().clone(),
            what: "make a folder",
            reason,
        };
        if !is_plain_name(name) {
            return Err(refused(format!("\"{}\" is not a plain name", name.escape_debug())));
        }
        let place = Path::new(kind).join(name);
        let host = self.disk.join(&place);
        let owner = self.remapped_root;
        fs::create_dir(&host)
            .and_then(|()| fs::set_permissions(&host, PermissionsExt::from_mode(0o755)))
            .and_then(|()| chown(&host, Some(owner.uid), Some(owner.gid)))
            .map_err(|error| refused(format!("{}: {error}", host.display())))?;
        Ok(Folder {
            host,
            inside: Path::new(CELL_FOLDER).join(place),
        })
    }
}
