//! A btrfs file system in a sparse file: made when it is not there, found again when it is, grown before it is full.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::sys::statfs::{BTRFS_SUPER_MAGIC, statfs};
use nix::sys::statvfs::statvfs;

use crate::process::run_tool;
use crate::storage::loops::{detach_leftovers, mount_file, refresh, source_of, text, unmount_lazily};

/// The file's first size; it takes what is written.
const FIRST_BYTES: u64 = 16 << 30;
/// Below this btrfs has no room for its own tables.
const LEAST_BYTES: u64 = 1 << 30;
/// It grows when less than one part in this many is free, and then by half.
const FREE_PART: u64 = 4;
/// Of the file system beneath, the file may take nine parts in ten.
const HOST_TENTHS: u64 = 9;
/// Blocks that are freed within are given back to the file system beneath.
const OPTIONS: &str = "noatime,nosuid,nodev,discard=async";

/// The file and where it is mounted.
#[derive(Debug)]
pub(in crate::storage) struct PoolFile {
    file: PathBuf,
    mount_point: PathBuf,
    /// `None`: what the file system beneath has.
    most_bytes: Option<u64>,
}

impl PoolFile {
    /// Mounts the file's file system, which is made when it is missing or does not mount any more: what it holds can be
    /// had again.
    pub(in crate::storage) async fn open(file: &Path, mount_point: &Path, most_bytes: Option<u64>) -> io::Result<Self> {
        let pool = Self {
            file: file.to_path_buf(),
            mount_point: mount_point.to_path_buf(),
            most_bytes,
        };
        fs::create_dir_all(mount_point)?;
        if source_of(mount_point).is_some() {
            return Ok(pool);
        }
        if pool.file.exists() {
            detach_leftovers(&pool.file).await?;
            match pool.mount().await {
                Ok(()) => return Ok(pool),
                Err(error) => {
                    tracing::error!(%error, file = %file.display(), "the storage of cells is broken and made anew")
                }
            }
        }
        pool.format().await?;
        pool.mount().await?;
        Ok(pool)
    }

    async fn mount(&self) -> io::Result<()> {
        mount_file(&self.file, "btrfs", OPTIONS, &self.mount_point).await
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

    /// Makes the file larger when it fills up and the host has room.
    pub(super) async fn grow(&self) -> io::Result<()> {
        let now = statvfs(&self.mount_point)?;
        let free = now.blocks_available().saturating_mul(now.fragment_size());
        let size = fs::metadata(&self.file)?.len();
        if free > size / FREE_PART {
            return Ok(());
        }
        let wanted = (size + size / 2).min(self.most()?) / 4096 * 4096;
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

/// Whether a folder lies on btrfs.
pub(in crate::storage) fn magic_is_btrfs(folder: &Path) -> bool {
    statfs(folder).is_ok_and(|found| found.filesystem_type() == BTRFS_SUPER_MAGIC)
}
