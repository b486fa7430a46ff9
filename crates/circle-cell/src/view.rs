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
