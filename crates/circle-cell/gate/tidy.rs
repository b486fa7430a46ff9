//! The gate's other role: in a container of its own it empties a folder in which containers wrote as root, for a user of the
//! host who may not.

use std::fs;
use std::io;
use std::path::PathBuf;

/// The word that asks for it, before the folder.
const WORD: &str = "tidy";

/// The folder that is to be emptied, when that is what the program was started for.
pub(crate) fn asked() -> Option<PathBuf> {
    let mut words = std::env::args_os().skip(1);
    (words.next()? == WORD)
        .then(|| words.next().map(PathBuf::from))
        .flatten()
}

/// Removes everything in the folder, and leaves the folder.
pub(crate) fn empty(folder: &PathBuf) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let is_folder = entry.file_type()?.is_dir();
        let removed = if is_folder {
            fs::remove_dir_all(entry.path())
        } else {
            fs::remove_file(entry.path())
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
