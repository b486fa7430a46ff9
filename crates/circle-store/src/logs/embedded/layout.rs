//! Where things lie in the folder.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The marks of all streams of a run.
pub(super) const MARKS_FILE: &str = "marks";
/// There once nothing may be appended to the run.
pub(super) const CLOSED_FILE: &str = "closed";

/// The store's folder.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    /// Makes the folders that are missing, and empties the one for what is being removed.
    pub(super) fn make(root: &Path) -> io::Result<Self> {
        let layout = Self { root: root.to_owned() };
        std::fs::create_dir_all(layout.live())?;
        std::fs::create_dir_all(root.join("done"))?;
        if layout.trash().exists() {
            std::fs::remove_dir_all(layout.trash())?;
        }
        sync_folder(root)?;
        Ok(layout)
    }

    /// The folder of everything.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Runs that are not closed and compressed yet.
    pub(super) fn live(&self) -> PathBuf {
        self.root.join("live")
    }

    /// A run that is not compressed yet.
    pub(super) fn live_run(&self, run: &str) -> PathBuf {
        self.live().join(run)
    }

    /// A closed and compressed run, in one of 256 folders so that none grows too large.
    pub(super) fn done_run(&self, run: &str) -> PathBuf {
        let shard = crc32fast::hash(run.as_bytes()) & 0xFF;
        self.root.join("done").join(format!("{shard:02x}")).join(run)
    }

    /// Where a run goes to be removed in its own time.
    pub(super) fn trash(&self) -> PathBuf {
        self.root.join("trash")
    }
}

/// A stream being appended to.
pub(super) fn log_file(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:04}.log"))
}

/// The index beside it.
pub(super) fn index_file(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:04}.idx"))
}

/// A compressed stream.
pub(super) fn packed_file(folder: &Path, number: u32) -> PathBuf {
    folder.join(format!("{number:04}.zlog"))
}

/// New, renamed and removed names survive loss of power only once their folder is synced.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Removing what is not there is no error.
pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
