//! Plain folders: every cell begins empty, or with a copy that is written out. Nothing bounds a cell's disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;

use super::loops::text;
use super::port::{DiskUse, Keeps, Kept, Storage, StorageFacts, io_task, names_in};
use crate::CellId;
use crate::process::run_tool_within;
use crate::remove::remove_tree;

/// Some gigabytes of images are copied well within this.
const COPY_DEADLINE: Duration = Duration::from_secs(600);

/// Disks as folders.
#[derive(Debug)]
pub(super) struct Folders {
    facts: StorageFacts,
    folder: PathBuf,
}

impl Folders {
    pub(super) fn open(folder: &Path, because: &str) -> io::Result<Self> {
        for part in ["cells", "kept"] {
            fs::create_dir_all(folder.join(part))?;
        }
        Ok(Self {
            facts: facts(because),
            folder: folder.to_path_buf(),
        })
    }

    fn disk(&self, cell: &CellId) -> PathBuf {
        self.folder.join("cells").join(cell.as_str())
    }

    fn kept_disk(&self, kept: &Kept) -> PathBuf {
        self.folder.join("kept").join(&kept.0)
    }
}

pub(super) fn facts(because: &str) -> StorageFacts {
    StorageFacts {
        kind: "plain",
        sentence: format!("Cells are plain folders ({because}): no golden roots, and the disk of a cell is unbounded."),
        keeps: Keeps::Base,
        bounded: false,
    }
}

#[async_trait]
impl Storage for Folders {
    fn facts(&self) -> &StorageFacts {
        &self.facts
    }

    async fn open(&self, cell: &CellId, from: Option<&Kept>, _limit_bytes: Option<u64>) -> io::Result<PathBuf> {
        let disk = self.disk(cell);
        match from {
            None => fs::create_dir(&disk)?,
            Some(kept) => copy(&self.kept_disk(kept), &disk).await?,
        }
        Ok(disk)
    }

    async fn remove(&self, cell: &CellId) -> io::Result<()> {
        remove_folder(self.disk(cell)).await
    }

    async fn keep(&self, cell: &CellId, kept: &Kept) -> io::Result<()> {
        fs::rename(self.disk(cell), self.kept_disk(kept))
    }

    async fn forget(&self, kept: &Kept) -> io::Result<()> {
        remove_folder(self.kept_disk(kept)).await
    }

    async fn kept(&self) -> io::Result<Vec<Kept>> {
        Ok(names_in(&self.folder.join("kept"))?.into_iter().map(Kept).collect())
    }

    async fn cells(&self) -> io::Result<Vec<CellId>> {
        let names = names_in(&self.folder.join("cells"))?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    async fn size_of(&self, kept: &Kept) -> io::Result<DiskUse> {
        let disk = self.kept_disk(kept);
        let printed = run_tool_within(
            COPY_DEADLINE,
            "du",
            &["--summarize", "--block-size=1", text(&disk)?],
            b"",
        )
        .await?;
        let bytes = first_number(&printed);
        Ok(DiskUse {
            total_bytes: bytes,
            own_bytes: bytes,
        })
    }

    async fn is_full(&self, _cell: &CellId) -> bool {
        false
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn close(&self) {}
}

/// An exact copy: owners, times, links, attributes, and the devices by which an overlay says "removed".
async fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let arguments = ["--archive", "--one-file-system", "--", text(from)?, text(to)?];
    run_tool_within(COPY_DEADLINE, "cp", &arguments, b"").await.map(drop)
}

/// Removes a folder that may be gone already.
pub(super) async fn remove_folder(folder: PathBuf) -> io::Result<()> {
    io_task(move || remove_tree(&folder).map(drop)).await
}

/// The number that a line of output begins with.
pub(super) fn first_number(printed: &[u8]) -> u64 {
    let text = String::from_utf8_lossy(printed);
    text.split_whitespace()
        .next()
        .and_then(|word| word.parse().ok())
        .unwrap_or(0)
}
