//! Looking for a text in everything that lies beneath a folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// The files beneath a folder whose content holds the text.
///
/// Server and worker may go on meanwhile: what vanishes while it is looked at holds nothing. Links are not followed. The image that
/// cells are kept on is passed over: sparse, many gigabytes, and mounted beside itself, where it is looked at.
///
/// # Errors
/// When a file that is there cannot be read.
pub fn files_with(folder: &Path, text: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let Some(entries) = there(fs::read_dir(folder))? else {
            continue;
        };
        for entry in entries {
            let entry = entry?;
            let Some(kind) = there(entry.file_type())? else {
                continue;
            };
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() && entry.file_name() != "pool.btrfs" && holds(&entry.path(), text)? {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}

fn holds(file: &Path, text: &str) -> Result<bool> {
    let content = there(fs::read(file))?.unwrap_or_default();
    Ok(content.windows(text.len()).any(|window| window == text.as_bytes()))
}

/// `None` for what is gone meanwhile.
fn there<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::files_with;

    #[test]
    fn what_holds_the_text_is_named_at_any_depth_and_links_are_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("a/b")).expect("folders");
        fs::write(at("a/b/deep"), b"\0\0the word\0").expect("a file");
        fs::write(at("a/other"), "the wor").expect("a file");
        symlink(at("a/b/deep"), at("link")).expect("a link");
        assert_eq!(files_with(folder.path(), "the word").expect("read"), [at("a/b/deep")]);
        assert_eq!(
            files_with(&at("nothing"), "the word").expect("read"),
            [] as [std::path::PathBuf; 0]
        );
    }
}
