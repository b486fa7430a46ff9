//! Folders that host and cell share, and copy-on-write views of them.

use std::path::{Path, PathBuf};

/// Names stay short and plain: they become paths, and parts of mount options.
const LONGEST_NAME: usize = 100;

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
    /// Whether nothing beneath it is to be seen through it.
    pub(crate) whole: bool,
}

impl Layer {
    /// A layer that others are seen through.
    pub(crate) fn over(folder: Folder) -> Self {
        Self { folder, whole: false }
    }

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

/// Letters, digits, `-`, `_`, `.`; not hidden, not a way up.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=LONGEST_NAME).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::is_plain_name;

    #[test]
    fn a_name_cannot_lead_elsewhere() {
        assert!(is_plain_name("stage-2.out_put"));
        for name in ["", ".", "..", "a/b", "a:b", "a,b", ".empty", "ä", &"x".repeat(101)] {
            assert!(!is_plain_name(name), "{name} passed as a plain name");
        }
    }
}
