//! A file system in a file for every cell: its size is the cell's bound. Where the file system beneath shares extents
//! between files (XFS, btrfs), a copy of such a file is one call and takes no room.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use nix::sys::statvfs::statvfs;

use super::loops::{detach_leftovers, mount_file, text, unmount, unmount_lazily};
use super::port::{DiskUse, Keeps, Kept, Storage, StorageFacts, io_task, names_in};
use crate::CellId;
use crate::process::{run_tool, run_tool_within};

/// Without a bound the file may grow to this; it is sparse and takes what is written.
const UNBOUNDED_BYTES: u64 = 1 << 40;
/// Some gigabytes of images are copied well within this.
const COPY_DEADLINE: Duration = Duration::from_secs(600);
/// What a file's name ends with.
const SUFFIX: &str = ".img";
/// A file system with less than one part in this many left is full: what a failed write had asked for is given back.
const FULL_PART: u64 = 50;

/// Disks as file systems in files.
#[derive(Debug)]
pub(super) struct Images {
    facts: StorageFacts,
    folder: PathBuf,
}

impl Images {
    /// Takes a folder; `shares` says whether its file system shares extents.
    pub(super) fn open(folder: &Path, shares: bool) -> io::Result<Self> {
        for part in ["cells", "kept", "mounts"] {
            fs::create_dir_all(folder.join(part))?;
        }
        Ok(Self {
            facts: facts(shares),
            folder: folder.to_path_buf(),
        })
    }

    fn file(&self, cell: &CellId) -> PathBuf {
        self.folder.join("cells").join(format!("{cell}{SUFFIX}"))
    }

    fn mount_point(&self, cell: &CellId) -> PathBuf {
        self.folder.join("mounts").join(cell.as_str())
    }

    fn kept_file(&self, kept: &Kept) -> PathBuf {
        self.folder.join("kept").join(format!("{}{SUFFIX}", kept.0))
    }

    /// A new file with an empty file system. Without a journal: it is thrown away, or kept after a clean unmount.
    async fn format(&self, file: &Path, limit_bytes: Option<u64>) -> io::Result<()> {
        fs::File::create_new(file)?.set_len(limit_bytes.unwrap_or(UNBOUNDED_BYTES))?;
        let arguments = [
            "-q",
            "-F",
            "-b",
            "4096",
            "-m",
            "0",
            "-O",
            "^has_journal",
            "-E",
            "lazy_itable_init=1,root_owner=0:0",
            text(file)?,
        ];
        run_tool("mkfs.ext4", &arguments, b"").await.map(drop)
    }

    async fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        let how = match self.facts.keeps {
            Keeps::Everything => "--reflink=always",
            Keeps::Base | Keeps::Nothing => "--reflink=auto",
        };
        let arguments = [how, "--sparse=auto", "--", text(from)?, text(to)?];
        run_tool_within(COPY_DEADLINE, "cp", &arguments, b"").await.map(drop)
    }

    async fn let_go(&self, cell: &CellId) -> io::Result<()> {
        let mount_point = self.mount_point(cell);
        unmount(&mount_point).await?;
        absent(fs::remove_dir(&mount_point))
    }
}

pub(super) fn facts(shares: bool) -> StorageFacts {
    if shares {
        return StorageFacts {
            kind: "reflink",
            sentence:
                "Cells are file systems in files that share what is the same: golden roots cost what differs, and \
                       the disk of a cell is bounded."
                    .to_owned(),
            keeps: Keeps::Everything,
            bounded: true,
        };
    }
    StorageFacts {
        kind: "plain",
        sentence:
            "Cells are file systems in files that are written out: no golden roots beside the base; the disk of a \
                   cell is bounded."
                .to_owned(),
        keeps: Keeps::Base,
        bounded: true,
    }
}

#[async_trait]
impl Storage for Images {
    fn facts(&self) -> &StorageFacts {
        &self.facts
    }

    async fn open(&self, cell: &CellId, from: Option<&Kept>, limit_bytes: Option<u64>) -> io::Result<PathBuf> {
        let (file, mount_point) = (self.file(cell), self.mount_point(cell));
        match from {
            None => self.format(&file, limit_bytes).await?,
            Some(kept) => self.copy(&self.kept_file(kept), &file).await?,
        }
        fs::create_dir(&mount_point)?;
        mount_file(&file, "ext4", "noatime,nosuid,nodev,discard", &mount_point).await?;
        if from.is_none() {
            fs::remove_dir(mount_point.join("lost+found"))?;
        }
        Ok(mount_point)
    }

    async fn remove(&self, cell: &CellId) -> io::Result<()> {
        self.let_go(cell).await?;
        let file = self.file(cell);
        if file.exists() {
            detach_leftovers(&file).await?;
        }
        io_task(move || absent(fs::remove_file(file))).await
    }

    async fn keep(&self, cell: &CellId, kept: &Kept) -> io::Result<()> {
        self.let_go(cell).await?;
        fs::rename(self.file(cell), self.kept_file(kept))
    }

    async fn forget(&self, kept: &Kept) -> io::Result<()> {
        let file = self.kept_file(kept);
        io_task(move || absent(fs::remove_file(file))).await
    }

    async fn kept(&self) -> io::Result<Vec<Kept>> {
        Ok(stems(&self.folder.join("kept"))?.into_iter().map(Kept).collect())
    }

    async fn cells(&self) -> io::Result<Vec<CellId>> {
        let mut names = stems(&self.folder.join("cells"))?;
        names.extend(names_in(&self.folder.join("mounts"))?);
        names.sort_unstable();
        names.dedup();
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    async fn size_of(&self, kept: &Kept) -> io::Result<DiskUse> {
        let file = self.kept_file(kept);
        let total_bytes = std::os::unix::fs::MetadataExt::blocks(&fs::metadata(&file)?) * 512;
        // Extents that are marked as shared are those of another file as well (FIEMAP, through filefrag).
        let printed = run_tool("filefrag", &["-v", "-b1", text(&file)?], b"")
            .await
            .unwrap_or_default();
        Ok(DiskUse {
            total_bytes,
            own_bytes: total_bytes.saturating_sub(shared_bytes(&String::from_utf8_lossy(&printed))),
        })
    }

    async fn is_full(&self, cell: &CellId) -> bool {
        statvfs(&self.mount_point(cell)).is_ok_and(|now| {
            now.blocks_available() < now.blocks() / FULL_PART || now.files_available() < now.files() / FULL_PART
        })
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn close(&self) {
        for name in names_in(&self.folder.join("mounts")).unwrap_or_default() {
            unmount_lazily(&self.folder.join("mounts").join(name));
        }
    }
}

fn stems(folder: &Path) -> io::Result<Vec<String>> {
    let names = names_in(folder)?;
    Ok(names
        .iter()
        .filter_map(|name| name.strip_suffix(SUFFIX).map(str::to_owned))
        .collect())
}

fn absent(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// The lengths of a file's shared extents: ` 0: 0..  4095: 8192.. 12287: 4096: shared` (filefrag -v -b1).
fn shared_bytes(extents: &str) -> u64 {
    let shared = extents.lines().filter(|line| line.contains("shared"));
    let length = |line: &str| line.split(':').nth(3)?.trim().parse::<u64>().ok();
    shared.filter_map(length).sum()
}

#[cfg(test)]
mod tests {
    use super::shared_bytes;

    #[test]
    fn shared_extents_are_told_from_own_ones() {
        let printed = "Filesystem type is: 58465342\nFile size of a is 12288 (12288 blocks of 1 bytes)\n ext:     \
                       logical_offset:        physical_offset: length:   expected: flags:\n   0:        0..    4095:     \
                       196608..    200703:   4096:             shared\n   1:     4096..   12287:     204800..    212991:   \
                       8192:     200704: last,eof\na: 2 extents found\n";
        assert_eq!(shared_bytes(printed), 4096);
        assert_eq!(shared_bytes(""), 0);
    }
}
