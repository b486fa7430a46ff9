//! A btrfs file system in a sparse file: made when it is not there, found again when it is, grown before it is full.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statfs::{BTRFS_SUPER_MAGIC, statfs};
use nix::sys::statvfs::statvfs;
use tokio::sync::Mutex;

use crate::process::run_tool;
use crate::storage::loops::{mount_file, mount_file_again, refresh, source_of, text, unmount_lazily};

/// The file's first size; it takes what is written.
const FIRST_BYTES: u64 = 16 << 30;
/// Below this btrfs has no room for its own tables.
const LEAST_BYTES: u64 = 1 << 30;
/// It grows when less than one part in this many is free, and then by half.
const FREE_PART: u64 = 4;
/// Or when less is free than living cells may still write, and one part in this many more for tables and what is given
/// back late.
const TABLES_PART: u64 = 8;
/// Of the file system beneath, the file may take nine parts in ten.
const HOST_TENTHS: u64 = 9;
/// Where every btrfs has its name (btrfs on-disk format: the superblock begins at 64 KiB).
const MAGIC: (&[u8; 8], u64) = (b"_BHRfS_M", 0x1_0040);
/// Blocks that are freed within are given back to the file system beneath.
const OPTIONS: &str = "noatime,nosuid,nodev,discard=async";

/// The file and where it is mounted.
#[derive(Debug)]
pub(in crate::storage) struct PoolFile {
    file: PathBuf,
    mount_point: PathBuf,
    /// `None`: what the file system beneath has.
    most_bytes: Option<u64>,
    /// Held while the file grows: it must never be cut.
    growing: Mutex<()>,
}

impl PoolFile {
    /// Mounts the file's file system, which is made when there is none in it. One that is there and does not mount is an
    /// error, and stays as it is: what keeps it may pass, and it holds every golden root.
    pub(in crate::storage) async fn open(file: &Path, mount_point: &Path, most_bytes: Option<u64>) -> io::Result<Self> {
        let pool = Self {
            file: file.to_path_buf(),
            mount_point: mount_point.to_path_buf(),
            most_bytes,
            growing: Mutex::default(),
        };
        fs::create_dir_all(mount_point)?;
        if source_of(mount_point).is_some() {
            return Ok(pool);
        }
        if pool.file.exists() {
            let mounted = pool.mount_again().await.map_err(|error| pool.kept(&error))?;
            if mounted {
                return Ok(pool);
            }
            tracing::error!(file = %file.display(), "the storage of cells is no file system, and is made anew");
        }
        pool.format().await?;
        if let Err(error) = mount_file(&pool.file, "btrfs", OPTIONS, mount_point).await {
            // A machine that cannot mount it shall not find it at its next start, and insist.
            fs::remove_file(&pool.file)?;
            return Err(error);
        }
        Ok(pool)
    }

    /// Mounts what the file holds; `false` when that is no btrfs.
    async fn mount_again(&self) -> io::Result<bool> {
        if !is_btrfs(&self.file)? {
            return Ok(false);
        }
        mount_file_again(&self.file, "btrfs", OPTIONS, &self.mount_point).await?;
        Ok(true)
    }

    fn kept(&self, error: &io::Error) -> io::Error {
        io::Error::other(format!(
            "{} holds the golden roots and could not be mounted: {error}. Nothing in it was changed; start the worker \
             again when the cause is gone, or remove the file, and roots are made anew",
            self.file.display()
        ))
    }

    /// Written beside and renamed: half a file system is none.
    async fn format(&self) -> io::Result<()> {
        let fresh = self.file.with_extension("new");
        let bytes = self.most()?.min(FIRST_BYTES);
        if bytes < LEAST_BYTES {
            return Err(io::Error::other(format!(
                "less than 1 GiB is free at {}, too little for the storage of cells",
                self.file.display()
            )));
        }
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)?
            .set_len(bytes)?;
        run_tool(
            "mkfs.btrfs",
            &[
                "--quiet",
                "--force",
                "--metadata",
                "single",
                "--nodiscard",
                text(&fresh)?,
            ],
            b"",
        )
        .await?;
        fs::rename(fresh, &self.file)
    }

    /// How large the file may become: what the host has left beside what the file takes already.
    fn most(&self) -> io::Result<u64> {
        let host = statvfs(self.file.parent().unwrap_or(Path::new("/")))?;
        let taken = fs::metadata(&self.file).map_or(0, |now| now.blocks() * 512);
        let free = host.blocks_available().saturating_mul(host.fragment_size());
        let room = free.saturating_add(taken) / 10 * HOST_TENTHS;
        Ok(self.most_bytes.map_or(room, |most| most.min(room)))
    }

    /// Makes the file larger when it fills up, or when cells may still write more than is free, as far as the host has
    /// room.
    pub(super) async fn grow(&self, unspent_bytes: u64) -> io::Result<()> {
        let _growing = self.growing.lock().await;
        let now = statvfs(&self.mount_point)?;
        let free = now.blocks_available().saturating_mul(now.fragment_size());
        let size = fs::metadata(&self.file)?.len();
        let wanted = size_for(size, free, unspent_bytes).min(self.most()?) / 4096 * 4096;
        if wanted <= size {
            return Ok(());
        }
        File::options().write(true).open(&self.file)?.set_len(wanted)?;
        refresh(&self.mount_point).await?;
        run_tool("btrfs", &["filesystem", "resize", "max", text(&self.mount_point)?], b"").await?;
        tracing::info!(gib = wanted >> 30, "the storage of cells has grown");
        Ok(())
    }

    pub(super) fn close(&self) {
        unmount_lazily(&self.mount_point);
    }
}

/// How large a file is to be in which so much is free and so much may still be written.
fn size_for(size: u64, free: u64, unspent: u64) -> u64 {
    let by_part = if free > size / FREE_PART { size } else { size + size / 2 };
    let wanted = unspent.saturating_add(unspent / TABLES_PART);
    by_part.max(size.saturating_add(wanted.saturating_sub(free)))
}

/// Whether a file begins like a btrfs.
fn is_btrfs(file: &Path) -> io::Result<bool> {
    let mut found = [0; MAGIC.0.len()];
    match File::open(file)?.read_exact_at(&mut found, MAGIC.1) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        outcome => outcome.map(|()| found == *MAGIC.0),
    }
}

/// Whether a folder lies on btrfs.
pub(in crate::storage) fn magic_is_btrfs(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|found| found.filesystem_type() == BTRFS_SUPER_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::size_for;

    #[test]
    fn it_grows_ahead_of_what_cells_may_still_write() {
        const GIB: u64 = 1 << 30;
        assert_eq!(size_for(16 * GIB, 12 * GIB, 0), 16 * GIB);
        assert_eq!(size_for(16 * GIB, 12 * GIB, 8 * GIB), 16 * GIB, "there is room for it");
        assert_eq!(size_for(16 * GIB, 5 * GIB, 16 * GIB), 29 * GIB);
        assert_eq!(size_for(16 * GIB, 4 * GIB, 0), 24 * GIB, "a quarter is free");
        assert_eq!(size_for(16 * GIB, 4 * GIB, GIB), 24 * GIB);
        assert_eq!(size_for(16 * GIB, 0, u64::MAX), u64::MAX);
    }
}
