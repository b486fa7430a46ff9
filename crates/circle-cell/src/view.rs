//! Folders that host and cell share, and copy-on-write views of them.

use std::path::{Path, PathBuf};

/// A folder of a cell under its two paths.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Folder {
    pub(crate) host: PathBuf,
    pub(crate) inside: PathBuf,
}

impl Folder {
    /// The path on the host.
    pub fn host(&self) -> &Path {
        &self.host
    }

    /// The path as the cell's daemon sees it: the source of a bind mount.
    pub fn inside(&self) -> &Path {
        &self.inside
    }
}

/// A folder that can be a read-only part of views.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Layer {
    pub(crate) folder: Folder,
}

impl Layer {
    /// The folder with the layer's files.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }
}

/// A folder or file of a mounted view that is shown at a place of its own.
#[derive(Debug, Clone, Copy)]
pub struct PartOfView<'a> {
    /// [`View::inside`].
    pub view: &'a Path,
    /// Relative to it; links within the view are followed, none out of it.
    pub path: &'a Path,
    /// A plain name that is not in use.
    pub name: &'a str,
    /// Whether a folder that is not there is made, for the remapped root.
    pub make: bool,
}

/// A mounted copy-on-write view. The host does not see the mount, only what was written.
#[derive(Debug)]
pub struct View {
    pub(crate) name: String,
    pub(crate) inside: PathBuf,
    pub(crate) upper: Layer,
}

impl View {
    /// The view's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The merged tree as the cell's daemon sees it: the source of a bind mount.
    pub fn inside(&self) -> &Path {
        &self.inside
    }

    /// What has been written so far, in the format of overlayfs (removed files are 0/0 devices).
    pub fn written(&self) -> &Layer {
        &self.upper
    }
}
