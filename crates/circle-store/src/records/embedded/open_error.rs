//! Why a store did not open: each a sentence for the operator.

use crate::FolderLockError;
use crate::records::{Kind, StoreError};

use super::sqlite_error::store_error;

/// Why an embedded store did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder is in use or cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderLockError),
    /// A newer Circle wrote the database.
    #[error(
        "the data was written by a newer version of Circle (layout {found}, this program knows {known}): start that \
         version, or restore a backup made by this one"
    )]
    Newer {
        /// The layout found.
        found: usize,
        /// The newest layout of this program.
        known: usize,
    },
    /// A unique index was declared anew and the data has the same values twice.
    #[error(
        "{kind} cannot be made unique by {index}: {first} and {second} have the same values; change one with the version of Circle that wrote them"
    )]
    NotUnique {
        /// Of which kind.
        kind: Kind,
        /// Which index.
        index: &'static str,
        /// One document.
        first: String,
        /// The other.
        second: String,
    },
    /// The database cannot be read or written.
    #[error("the database of the store cannot be used: {0}")]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(store_error(&error))
    }
}
