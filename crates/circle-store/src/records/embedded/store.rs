//! The adapter's public face.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::Connection;

use super::catalog::Catalog;
use super::connection::open_writer;
use super::migrate::migrate;
use super::open_error::OpenError;
use super::read;
use super::readers::Readers;
use super::write::{Prepared, delete, insert, prepare, replace};
use super::writer::Writer;
use crate::folder_lock::FolderLock;
use crate::leases::EmbeddedLeases;
use crate::records::{ChangeBoard, Changes, Kind, NewDocument, Page, Query, Store, StoreError, Stored, Version};

/// The database's name in the folder.
const FILE: &str = "circle.db";

/// Documents that are read where the caller is; more are read on a thread.
const GLANCE_DOCUMENTS: usize = 8;
/// The same of heads, which are short.
const GLANCE_HEADS: usize = 200;

/// Documents and leases in one SQLite file of a folder.
///
/// Dropping the last clone waits until what was handed over is written (milliseconds), then gives the folder back.
#[derive(Clone, Debug)]
pub struct EmbeddedStore {
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    catalog: Arc<Catalog>,
    changes: ChangeBoard,
    path: Arc<PathBuf>,
}

impl EmbeddedStore {
    /// Opens or makes the store of a folder. Blocks: it may recover, migrate and build indexes.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        let lock = FolderLock::take(folder)?;
        let path = folder.join(FILE);
        let mut connection = open_writer(&path)?;
        migrate(&mut connection)?;
        let catalog = Catalog::bring_up(&mut connection)?;
        sync_folder(folder)?;
        let writer = Writer::start(connection, lock)?;
        Ok(Self {
            writer: Arc::new(writer),
            readers: Arc::new(Readers::new(&path)),
            catalog: Arc::new(catalog),
            changes: ChangeBoard::default(),
            path: Arc::new(path),
        })
    }

    /// Leases in the same file. One call a process: each keeps its own view of renewals.
    pub async fn leases(&self) -> Result<EmbeddedLeases, StoreError> {
        EmbeddedLeases::load(Arc::clone(&self.writer)).await
    }

    /// Writes a copy of everything, as it is at one moment, to a file that does not exist yet. Others go on meanwhile.
    ///
    /// To restore it, stop the server and put it in the place of `circle.db`, without the `-wal` and `-shm` beside it.
    pub async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let to = to.to_owned();
        let work = move |connection: &Connection| {
            let path = to.to_str().ok_or_else(|| StoreError::Invalid {
                reason: format!("{} is no text", to.display()),
            })?;
            // SQLite fills an empty file: made first, it is this user's alone from the beginning.
            make_private(&to)?;
            connection.execute("VACUUM INTO ?1", [path]).map_err(super::sql)?;
            sync_file(&to)
        };
        self.readers.read(work).await
    }

    /// The database file, for an operator's eyes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn prepare(&self, new: &NewDocument) -> Result<Prepared, StoreError> {
        prepare(&self.catalog, new)
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Stored>, StoreError> {
        let id = id.to_owned();
        let get = move |connection: &Connection| read::get(connection, kind, &id);
        self.readers.glance(get).await
    }

    async fn several(&self, kind: Kind, ids: Vec<String>) -> Result<Vec<Stored>, StoreError> {
        let is_short = ids.len() <= GLANCE_DOCUMENTS;
        let all = move |connection: &Connection| {
            let found = ids.iter().map(|id| read::get(connection, kind, id));
            found.filter_map(Result::transpose).collect()
        };
        self.readers.run(is_short, all).await
    }

    async fn first(&self, query: Query) -> Result<Option<Stored>, StoreError> {
        let query = query.limit(1);
        query.check()?;
        let catalog = Arc::clone(&self.catalog);
        let first = move |connection: &Connection| {
            let page = read::find(connection, &catalog, &query)?;
            let Some(head) = page.heads.first() else {
                return Ok(None);
            };
            read::get(connection, query.index.kind, &head.id)
        };
        self.readers.glance(first).await
    }

    async fn insert(&self, new: NewDocument) -> Result<Version, StoreError> {
        let (prepared, changes) = (self.prepare(&new)?, self.changes.clone());
        self.writer
            .submit(move |write| insert(write, &prepared), move |_| changes.notify(new.kind))
            .await
    }

    async fn replace(&self, new: NewDocument, expected: Version) -> Result<Version, StoreError> {
        let (prepared, changes) = (self.prepare(&new)?, self.changes.clone());
        let catalog = Arc::clone(&self.catalog);
        let work = move |write: &mut super::Write<'_>| replace(write, &catalog, &prepared, expected);
        self.writer.submit(work, move |_| changes.notify(new.kind)).await
    }

    async fn delete(&self, kind: Kind, id: &str, expected: Version) -> Result<(), StoreError> {
        let (id, changes) = (id.to_owned(), self.changes.clone());
        let catalog = Arc::clone(&self.catalog);
        let work = move |write: &mut super::Write<'_>| delete(write, &catalog, kind, &id, expected);
        self.writer.submit(work, move |()| changes.notify(kind)).await
    }

    async fn find(&self, query: Query) -> Result<Page, StoreError> {
        query.check()?;
        let (catalog, is_short) = (Arc::clone(&self.catalog), query.limit <= GLANCE_HEADS);
        let find = move |connection: &Connection| read::find(connection, &catalog, &query);
        self.readers.run(is_short, find).await
    }

    async fn count(&self, query: Query) -> Result<u64, StoreError> {
        query.check()?;
        let catalog = Arc::clone(&self.catalog);
        self.readers
            .read(move |connection| read::count(connection, &catalog, &query))
            .await
    }

    fn changes(&self, kind: Kind) -> Changes {
        self.changes.changes(kind)
    }
}

/// The names of new files survive loss of power only once their folder is synced.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| StoreError::Unavailable {
        reason: format!("{}: {error}", folder.display()),
    })
}

fn sync_file(path: &Path) -> Result<(), StoreError> {
    let synced = std::fs::File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| StoreError::Unavailable {
        reason: format!("{}: {error}", path.display()),
    })
}

fn make_private(path: &Path) -> Result<(), StoreError> {
    let made = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    made.map(drop).map_err(|error| StoreError::Invalid {
        reason: format!("{}: {error}", path.display()),
    })
}
