//! One folder, one process: an exclusive lock that the kernel drops with the process, however it ends.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The file in a store's folder that carries the lock and the holder's process id.
const LOCK_FILE: &str = "lock";

/// Why a folder could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum FolderLockError {
    /// Another process (or another store in this one) has the folder.
    #[error("{} is in use by process {pid}: stop that process, or choose another data folder", folder.display())]
    InUse {
        /// The folder asked for.
        folder: PathBuf,
        /// The holder as it wrote itself down; `unknown` when it had no time to.
        pid: String,
    },
    /// The folder cannot be made or written.
    #[error("cannot use {} as a data folder: make it writable for this user, or choose another", folder.display())]
    Io {
        /// The folder asked for.
        folder: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
}

/// Held as long as the value lives.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Makes the folder where it is missing and takes it, without waiting.
    pub(crate) fn take(folder: &Path) -> Result<Self, FolderLockError> {
        let io = |source| FolderLockError::Io {
            folder: folder.to_owned(),
            source,
        };
        make_private(folder).map_err(io)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(LOCK_FILE))
            .map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(folder, &mut file)),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        write_pid(&mut file).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// What is made here is for this user alone; a folder that was there already keeps the rights that it has.
fn make_private(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn in_use(folder: &Path, file: &mut File) -> FolderLockError {
    let mut pid = String::new();
    let read = file.take(32).read_to_string(&mut pid);
    let known = read.is_ok() && !pid.trim().is_empty();
    let pid = if known {
        pid.trim().to_owned()
    } else {
        "unknown".to_owned()
    };
    FolderLockError::InUse {
        folder: folder.to_owned(),
        pid,
    }
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    // A full disk must not keep a server from starting to read: the pid is a courtesy, the lock is the promise.
    let text = format!("{}\n", std::process::id());
    file.set_len(0)?;
    file.rewind()?;
    match file.write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::StorageFull => Ok(()),
        other => other,
    }
}
