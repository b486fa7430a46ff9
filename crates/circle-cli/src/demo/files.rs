//! The sample's files, with their modes.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

/// A small file with its mode.
pub(super) struct File {
    pub(super) content: Vec<u8>,
    pub(super) mode: u32,
}

/// Every file of a folder of small files: path beneath it and file.
pub(super) fn files_of(folder: &Path) -> Result<Vec<(String, File)>> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in std::fs::read_dir(&next).with_context(|| format!("read {}", next.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(folder)?.display().to_string();
            let mode = path.metadata()?.permissions().mode() & 0o777;
            let content = std::fs::read(&path)?;
            found.push((name, File { content, mode }));
        }
    }
    found.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(found)
}
