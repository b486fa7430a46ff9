//! The port itself.

use std::fmt::Debug;

use async_trait::async_trait;

use super::{Changes, Kind, NewDocument, Page, Query, StoreError, Stored, Version};

/// Versioned documents.
///
/// What every adapter promises, and `conformance::records` checks:
///
/// - **Atomic**: one call changes one document with its index entries, wholly or not at all.
/// - **Durable**: when a write returned `Ok`, the document survives `kill -9` and loss of power.
/// - **Linear**: a read that begins after a write returned sees that write or a later one.
/// - **Compare-and-swap**: of many writers with one expected version, exactly one wins; the others get
///   [`StoreError::Stale`] with what is there now.
/// - **Versions** of one id only grow, also when the document was deleted and inserted again.
/// - **Unique** keys are checked in the same atom as the write.
/// - **Sparse**: a document in which a field of an index is missing or null is not in that index.
/// - **Dropping** the future of a write leaves it open whether the write takes effect.
///
/// An error named [`StoreError::Unavailable`] or [`StoreError::Corrupt`] after a write leaves open whether it took
/// effect; all other errors mean that it did not.
#[async_trait]
pub trait Store: Send + Sync + Debug {
    /// The document and its version, or `None`.
    async fn get(&self, kind: Kind, id: &str) -> Result<Option<Stored>, StoreError>;

    /// The documents of these ids that are there, in the order of the ids: a page of a list is one read, not fifty.
    async fn several(&self, kind: Kind, ids: Vec<String>) -> Result<Vec<Stored>, StoreError>;

    /// The first document that the query finds: what [`find`](Store::find) and [`get`](Store::get) give, in one read.
    async fn first(&self, query: Query) -> Result<Option<Stored>, StoreError>;

    /// Puts a new document, or [`StoreError::Conflict`] with the unique index in the way (`"id"` for the id itself).
    async fn insert(&self, new: NewDocument) -> Result<Version, StoreError>;

    /// Puts `new` in the place of the document of that id, if it still has the expected version.
    async fn replace(&self, new: NewDocument, expected: Version) -> Result<Version, StoreError>;

    /// Removes the document, if it still has the expected version.
    async fn delete(&self, kind: Kind, id: &str, expected: Version) -> Result<(), StoreError>;

    /// Heads in index order, at most [`Query::limit`] of them, and where to go on.
    ///
    /// Pages are not a snapshot: what is inserted or moved behind the cursor meanwhile is not seen, what stays where
    /// it was is seen exactly once.
    async fn find(&self, query: Query) -> Result<Page, StoreError>;

    /// How many documents the query would find without limit and cursor.
    async fn count(&self, query: Query) -> Result<u64, StoreError>;

    /// A hint that documents of this kind may have changed since; never a promise that each change is told, nor that
    /// changes made by another server are told soon. Loops must also run by period.
    fn changes(&self, kind: Kind) -> Changes;
}
