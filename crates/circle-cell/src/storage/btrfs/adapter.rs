//! The adapter.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::RwLock;

use super::pool::PoolFile;
use super::quota::Quota;
use super::range::{Group, Range};
use super::subvolume::{create, delete_tree, freeze, use_of};
use crate::CellId;
use crate::process::run_tool_within;
use crate::storage::loops::text;
use crate::storage::port::{DiskUse, Keeps, Kept, Storage, StorageFacts, names_in};

/// A slow disk takes as long to write down what cells wrote a moment ago.
const SYNC_DEADLINE: Duration = Duration::from_secs(120);

/// Disks as subvolumes.
#[derive(Debug)]
pub(in crate::storage) struct Btrfs {
    facts: StorageFacts,
    folder: PathBuf,
    quota: Quota,
    /// Which groups of the file system are this storage's.
    range: Range,
    /// What the living cells count to.
    groups: Mutex<BTreeMap<CellId, Group>>,
    /// Shared by disks that are being made, whose groups have no member yet; whole for whoever touches the groups of
    /// others.
    births: RwLock<()>,
    /// `None` on a file system that is not Circle's own.
    pool: Option<PoolFile>,
}

impl Btrfs {
    /// Takes a folder on btrfs. Its quotas are the operator's, unless the whole file system is Circle's.
    pub(in crate::storage) async fn open(folder: &Path, pool: Option<PoolFile>) -> io::Result<Self> {
        for part in ["cells", "kept"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let quota = match &pool {
            Some(_) => Quota::switch_on(folder).await?,
            None => Quota::find(folder),
        };
        let range = Range::of(folder)?;
        quota.tidy(folder, &range).await?;
        Ok(Self {
            facts: facts(pool.is_some(), quota),
            folder: folder.to_path_buf(),
            quota,
            range,
            groups: Mutex::default(),
            births: RwLock::default(),
            pool,
        })
    }

    fn disk(&self, cell: &CellId) -> PathBuf {
        self.folder.join("cells").join(cell.as_str())
    }

    fn groups(&self) -> MutexGuard<'_, BTreeMap<CellId, Group>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room in a file of Circle's own for what living cells may still write.
    async fn make_room(&self) -> io::Result<()> {
        let Some(pool) = &self.pool else { return Ok(()) };
        self.quota.recount(&self.folder).await?;
        let living: Vec<Group> = self.groups().values().cloned().collect();
        pool.grow(living.iter().map(|group| group.unspent(&self.folder)).sum())
            .await
    }

    fn kept_disk(&self, kept: &Kept) -> PathBuf {
        self.folder.join("kept").join(&kept.0)
    }
}

pub(in crate::storage) fn facts(own: bool, quota: Quota) -> StorageFacts {
    let place = if own {
        "on a file that Circle makes and grows"
    } else {
        "on the file system of the data folder"
    };
    let bound = match quota {
        Quota::Off => "but the disk of a cell is unbounded, because quotas are off there",
        Quota::Simple => "and the disk of a cell is bounded",
        // A subvolume that a job makes for itself is not counted to the cell.
        Quota::Full => "and the disk of a cell is bounded, as far as it makes no subvolumes of its own",
    };
    StorageFacts {
        kind: "btrfs",
        sentence: format!("Cells are btrfs snapshots {place}: golden roots cost what differs, {bound}."),
        keeps: Keeps::Everything,
        bounded: quota != Quota::Off,
    }
}

#[async_trait]
impl Storage for Btrfs {
    fn facts(&self) -> &StorageFacts {
        &self.facts
    }

    async fn open(&self, cell: &CellId, from: Option<&Kept>, limit_bytes: Option<u64>) -> io::Result<PathBuf> {
        let disk = self.disk(cell);
        let _birth = self.births.read().await;
        let group = self.quota.group(&self.folder, &self.range, limit_bytes).await?;
        let from = from.map(|kept| self.kept_disk(kept));
        create(&disk, from.as_deref(), group.as_ref().map(|group| group.0.as_str())).await?;
        let group = group.or(self.quota.bound(&disk, limit_bytes).await?);
        self.groups().extend(group.map(|group| (cell.clone(), group)));
        self.make_room().await?;
        Ok(disk)
    }

    async fn remove(&self, cell: &CellId) -> io::Result<()> {
        self.groups().remove(cell);
        let disk = self.disk(cell);
        if delete_tree(&disk).await.is_err() {
            // One that is full to the brim has no room for its own removal.
            let no_birth = self.births.write().await;
            let living: Vec<Group> = self.groups().values().cloned().collect();
            self.quota.lift(&disk, (&self.folder, &self.range), &living).await?;
            drop(no_birth);
            delete_tree(&disk).await?;
        }
        let _no_birth = self.births.write().await;
        self.quota.tidy(&self.folder, &self.range).await
    }

    async fn keep(&self, cell: &CellId, kept: &Kept) -> io::Result<()> {
        let (disk, place) = (self.disk(cell), self.kept_disk(kept));
        self.groups().remove(cell);
        self.quota.bound(&disk, None).await?;
        fs::rename(&disk, &place)?;
        freeze(&place).await
    }

    async fn forget(&self, kept: &Kept) -> io::Result<()> {
        delete_tree(&self.kept_disk(kept)).await
    }

    async fn kept(&self) -> io::Result<Vec<Kept>> {
        Ok(names_in(&self.folder.join("kept"))?.into_iter().map(Kept).collect())
    }

    async fn cells(&self) -> io::Result<Vec<CellId>> {
        let names = names_in(&self.folder.join("cells"))?;
        Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
    }

    async fn size_of(&self, kept: &Kept) -> io::Result<DiskUse> {
        use_of(&self.kept_disk(kept)).await
    }

    async fn is_full(&self, cell: &CellId) -> bool {
        let group = self.groups().get(cell).cloned();
        let Some(group) = group else { return false };
        // What was written a moment ago is counted with the next commit.
        if let Ok(path) = text(&self.folder) {
            let synced = run_tool_within(SYNC_DEADLINE, "btrfs", &["filesystem", "sync", path], b"").await;
            if let Err(error) = synced {
                tracing::warn!(%error, "what a cell wrote last is not counted yet");
            }
        }
        group.is_full(&self.folder)
    }

    async fn grow(&self) -> io::Result<()> {
        let no_birth = self.births.write().await;
        self.quota.tidy(&self.folder, &self.range).await?;
        drop(no_birth);
        self.make_room().await
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn close(&self) {
        if let Some(pool) = &self.pool {
            pool.close();
        }
    }
}
