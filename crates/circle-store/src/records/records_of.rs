//! The typed face of a store.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::sync::{Mutex, MutexGuard};

use super::kinds::{Index, Kind};
use super::record::{decode, encode};
use super::{Changes, FindAll, Head, Page, Query, Record, RecordError, Store, StoreError, Version};

/// Loads, inserts and replaces records by type. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Records {
    store: Arc<dyn Store>,
    turns: Arc<[Mutex<()>]>,
}

/// Queues for updates; documents share them by hash, which may only make one wait for another.
const TURNS: usize = 64;

impl Records {
    /// Over any adapter.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            store,
            turns: (0..TURNS).map(|_| Mutex::new(())).collect(),
        }
    }

    /// The port beneath.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Waits until it is the caller's turn to update a document.
    pub(super) async fn turn(&self, kind: Kind, id: &str) -> MutexGuard<'_, ()> {
        let mut hasher = DefaultHasher::new();
        (kind, id).hash(&mut hasher);
        let place = usize::try_from(hasher.finish() % TURNS as u64).unwrap_or(0);
        self.turns[place].lock().await
    }

    /// The record and its version, or `None`.
    pub async fn load<T: Record>(&self, id: &str) -> Result<Option<(T, Version)>, RecordError> {
        self.store.get(T::KIND, id).await?.map(decode).transpose()
    }

    /// Puts a new record.
    pub async fn insert<T: Record>(&self, record: &T) -> Result<Version, RecordError> {
        Ok(self.store.insert(encode(record)?).await?)
    }

    /// Puts the record in the place of what has the expected version.
    pub async fn replace<T: Record>(&self, record: &T, expected: Version) -> Result<Version, RecordError> {
        Ok(self.store.replace(encode(record)?, expected).await?)
    }

    /// Removes the record, if it still has the expected version.
    pub async fn delete<T: Record>(&self, id: &str, expected: Version) -> Result<(), RecordError> {
        Ok(self.store.delete(T::KIND, id, expected).await?)
    }

    /// Heads; see [`Store::find`].
    pub async fn find(&self, query: Query) -> Result<Page, StoreError> {
        self.store.find(query).await
    }

    /// See [`Store::count`].
    pub async fn count(&self, query: Query) -> Result<u64, StoreError> {
        self.store.count(query).await
    }

    /// The one record that has these values of a unique index.
    pub async fn load_by<T: Record>(&self, query: Query) -> Result<Option<(T, Version)>, RecordError> {
        check_names_one::<T>(&query)?;
        self.store.first(query).await?.map(decode).transpose()
    }

    /// The whole records of a page. A record that was deleted since it was found is left out.
    pub async fn load_page<T: Record>(&self, page: &Page) -> Result<Vec<(T, Version)>, RecordError> {
        self.load_heads(&page.heads).await
    }

    async fn load_heads<T: Record>(&self, heads: &[Head]) -> Result<Vec<(T, Version)>, RecordError> {
        let ids = heads.iter().map(|head| head.id.clone()).collect();
        let found = self.store.several(T::KIND, ids).await?;
        found.into_iter().map(decode).collect()
    }

    /// Every record of a query in its order, whatever pages they stand on: for queries whose answers fit in memory.
    pub async fn load_all<T: Record>(&self, query: Query) -> Result<Vec<(T, Version)>, RecordError> {
        let (mut pages, mut records) = (FindAll::new(self.store.as_ref(), query), Vec::new());
        while let Some(heads) = pages.next().await? {
            records.extend(self.load_heads(&heads).await?);
        }
        Ok(records)
    }

    /// The first record that fits, in the order of the query. However many there are, one is in memory at a time.
    pub async fn first_that<T: Record>(
        &self,
        query: Query,
        fits: impl Fn(&T) -> bool,
    ) -> Result<Option<T>, RecordError> {
        let mut pages = FindAll::new(self.store.as_ref(), query);
        while let Some(heads) = pages.next().await? {
            for head in heads {
                if let Some((record, _)) = self.load::<T>(&head.id).await?.filter(|(record, _)| fits(record)) {
                    return Ok(Some(record));
                }
            }
        }
        Ok(None)
    }

    /// See [`Store::changes`].
    pub fn changes<T: Record>(&self) -> Changes {
        self.store.changes(T::KIND)
    }
}

fn check_names_one<T: Record>(query: &Query) -> Result<(), StoreError> {
    let Index {
        kind,
        unique,
        fields,
        name,
    } = query.index;
    if kind == T::KIND && unique && query.equal.len() == fields.len() && !fields.is_empty() {
        return Ok(());
    }
    let reason = format!(
        "index {name} of {kind} with {} values does not name one {}",
        query.equal.len(),
        T::KIND
    );
    Err(StoreError::Invalid { reason })
}
