//! Folders and views of a cell in a container: made here, mounted by its init.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::cell::ContainerCell;
use crate::init::CELL_FOLDER;
use crate::init::order::Order;
use crate::process::EMPTY_LAYER;
use crate::{CellError, Folder, Layer, PartOfView, View, is_plain_name};

impl ContainerCell {
    /// Makes a folder of the mapped root.
    pub(super) fn make(&self, kind: &str, name: &str) -> Result<Folder, CellError> {
        let refused = |reason: String| self.wire.refused("make a folder", reason);
        if !is_plain_name(name) {
            return Err(refused(format!("\"{}\" is not a plain name", name.escape_debug())));
        }
        let place = Path::new(kind).join(name);
        let host = self.folder.join(&place);
        let owner = self.facts.remapped_root;
        fs::create_dir(&host)
            .and_then(|()| fs::set_permissions(&host, PermissionsExt::from_mode(0o755)))
            .and_then(|()| chown(&host, Some(owner.uid), Some(owner.gid)))
            .map_err(|error| refused(format!("{}: {error}", host.display())))?;
        Ok(Folder {
            host,
            inside: Path::new(CELL_FOLDER).join(place),
        })
    }

    pub(super) async fn mount(&self, name: &str, lowers: &[&Layer]) -> Result<View, CellError> {
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

    pub(super) async fn part(&self, part: PartOfView<'_>) -> Result<PathBuf, CellError> {
        const WHAT: &str = "show a part of a view";
        if !is_plain_name(part.name) {
            let reason = format!("\"{}\" is not a plain name", part.name.escape_debug());
            return Err(self.wire.refused(WHAT, reason));
        }
        let target = Path::new(CELL_FOLDER).join("views").join(part.name);
        let owner = self.facts.remapped_root;
        let order = Order::Show {
            view: part.view.to_owned(),
            path: part.path.to_owned(),
            target: target.clone(),
            make: part.make.then_some((owner.uid, owner.gid)),
        };
        self.wire.order(WHAT, order, Vec::new(), None).await?;
        Ok(target)
    }
}
