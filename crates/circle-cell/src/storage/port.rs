//! The port: disks of cells.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::Serialize;

use crate::CellId;

/// Makes disks of cells, keeps some of them, and removes them.
///
/// Promises: a disk is empty or an exact copy (owners, links, attributes, devices) of the kept disk that it began from,
/// and neither ever changes the other; `keep` is atomic: after a crash the disk is either still the cell's or kept whole;
/// everything lies under names that only this storage uses, so that [`Storage::cells`] and [`Storage::kept`] find what a
/// crash left; removing is idempotent. Calls about different cells may run side by side; those about one cell may not.
#[async_trait]
pub(crate) trait Storage: Send + Sync + Debug {
    /// What this storage is and can do.
    fn facts(&self) -> &StorageFacts;

    /// A new disk: empty, or a copy of a kept one, with room for what its cell may write, as far as there is any. With a
    /// bound, the cell can write so many bytes and no more, when
    /// [`StorageFacts::bounded`] says so.
    async fn open(&self, cell: &CellId, from: Option<&Kept>, limit_bytes: Option<u64>) -> io::Result<PathBuf>;

    /// Removes the disk of a dead cell.
    async fn remove(&self, cell: &CellId) -> io::Result<()>;

    /// Makes the disk of a dead cell a kept one, which must not be there yet.
    async fn keep(&self, cell: &CellId, kept: &Kept) -> io::Result<()>;

    /// Removes a kept disk. Disks that began from it stay as they are.
    async fn forget(&self, kept: &Kept) -> io::Result<()>;

    /// Every kept disk.
    async fn kept(&self) -> io::Result<Vec<Kept>>;

    /// Every cell that has a disk.
    async fn cells(&self) -> io::Result<Vec<CellId>>;

    /// How large a kept disk is.
    async fn size_of(&self, kept: &Kept) -> io::Result<DiskUse>;

    /// Whether a living cell has reached its bound, or came so close that the next write fails.
    async fn is_full(&self, cell: &CellId) -> bool;

    /// Makes room ahead of what living cells may still write, as far as it may, and removes what could not go with a dead
    /// cell. Called every few seconds.
    async fn grow(&self) -> io::Result<()> {
        Ok(())
    }

    /// Where the index of kept disks lies: on the same file system, so that both are lost together or not at all.
    fn folder(&self) -> &Path;

    /// Lets go of mounts and devices of the storage itself. Nothing that it holds is removed.
    fn close(&self);
}

/// The name of a kept disk: a plain file name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Kept(pub(crate) String);

/// What a kept disk takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DiskUse {
    /// Everything in it.
    pub(crate) total_bytes: u64,
    /// What would be free without it: that which it shares with no other disk.
    pub(crate) own_bytes: u64,
}

/// What a storage is and can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StorageFacts {
    /// `btrfs`, `reflink` or `plain`.
    pub kind: &'static str,
    /// One sentence for people.
    pub sentence: String,
    /// What it can keep.
    pub keeps: Keeps,
    /// Whether the disk of a cell can be bounded.
    pub bounded: bool,
}

/// What a storage can keep, which is a matter of what a copy costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Keeps {
    /// Nothing: every cell begins empty.
    Nothing,
    /// Copies are written out, so only what every cell needs is kept.
    Base,
    /// Copies are free.
    Everything,
}

/// Runs blocking file work beside the runtime.
pub(crate) async fn io_task<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|broken| Err(io::Error::other(broken)))
}

/// The plain names in a folder; one that is not there has none.
pub(crate) fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(entries) => entries
            .filter_map(|entry| entry.map(|entry| entry.file_name().into_string().ok()).transpose())
            .collect(),
    }
}
