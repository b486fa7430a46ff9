//! Folders and views of a cell on a shared engine. Overlays need root; a view here is a copy, of which file systems that can
//! share blocks copy nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::cell::SharedCell;
use super::copy::copy_tree;
use crate::{CellError, Folder, Layer, PartOfView, View, is_plain_name};

impl SharedCell {
    /// Makes a folder, which host and engine see under one path.
    pub(super) fn make(&self, kind: &str, name: &str) -> Result<Folder, CellError> {
        if !is_plain_name(name) {
            return Err(self.refused(
                "make a folder",
                format!("\"{}\" is not a plain name", name.escape_debug()),
            ));
        }
        let host = self.folder.join(kind).join(name);
        fs::create_dir(&host)
            .and_then(|()| fs::set_permissions(&host, PermissionsExt::from_mode(0o755)))
            .map_err(|error| self.refused("make a folder", format!("{}: {error}", host.display())))?;
        Ok(Folder {
            inside: host.clone(),
            host,
        })
    }

    /// The part itself: a view is a folder of this machine. Links that lead out of it are refused; whoever can change links
    /// meanwhile is the caller's own job.
    pub(super) fn part(&self, part: PartOfView<'_>) -> Result<PathBuf, CellError> {
        let refused = |reason: String| self.refused("show a part of a view", reason);
        let named = |error: std::io::Error| refused(format!("{}: {error}", part.path.display()));
        let asked = part.view.join(part.path);
        if part.make {
            fs::create_dir_all(&asked).map_err(named)?;
        }
        let (view, found) = (
            part.view.canonicalize().map_err(named)?,
            asked.canonicalize().map_err(named)?,
        );
        if found.starts_with(&view) {
            return Ok(found);
        }
        Err(refused(format!("{} leads out of the view", part.path.display())))
    }

    /// Copies the layers over each other, the lowest first.
    pub(super) async fn copied_view(&self, name: &str, lowers: &[&Layer]) -> Result<View, CellError> {
        let folder = self.make("views", name)?;
        // A layer that was a view is whole: what lies beneath it was seen through it, or removed in it.
        let deepest = lowers.iter().position(|layer| layer.whole).unwrap_or(lowers.len());
        let from: Vec<PathBuf> = lowers
            .iter()
            .take(deepest + 1)
            .rev()
            .map(|layer| layer.folder.host.clone())
            .collect();
        let to = folder.host.clone();
        let copied = tokio::task::spawn_blocking(move || from.iter().try_for_each(|layer| copy_tree(layer, &to)));
        copied
            .await
            .map_err(|broken| self.refused("make a view", broken))?
            .map_err(|error| self.refused("make a view", error))?;
        Ok(View {
            name: name.to_owned(),
            inside: folder.inside.clone(),
            upper: Layer { folder, whole: true },
        })
    }
}
