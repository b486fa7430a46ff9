//! What can go wrong in a store, named for what a caller can do.

use super::{Kind, Stored};

/// Why a store did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another document has this id or unique key: load that one, or choose other values.
    #[error("another {kind} has the same {index}")]
    Conflict {
        /// Of which kind.
        kind: Kind,
        /// The name of the unique index, or `id`.
        index: &'static str,
    },
    /// The document changed since it was read: decide again on what is there now.
    #[error("the document changed meanwhile")]
    Stale {
        /// What is there now; `None` if it is gone.
        current: Option<Box<Stored>>,
    },
    /// A bound of the store: make it smaller.
    #[error("the {what} has {bytes} bytes, at most {limit} are kept")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size in bytes.
        bytes: usize,
        /// The bound in bytes.
        limit: usize,
    },
    /// The call itself is wrong: a mistake in the program.
    #[error("the store was asked wrongly: {reason}")]
    Invalid {
        /// What is wrong with it.
        reason: String,
    },
    /// The query names an index that the table of kinds does not have: a mistake in the program.
    #[error("{kind} has no index \"{index}\"")]
    UnknownIndex {
        /// Of which kind.
        kind: Kind,
        /// The name that is not declared.
        index: &'static str,
    },
    /// No room on the disk: nothing was written; make room and try again.
    #[error("the store's disk is full: make room, writing goes on by itself")]
    Full,
    /// Try again later; a write may or may not have taken effect, so read first.
    #[error("the store does not answer: {reason}")]
    Unavailable {
        /// What the store said.
        reason: String,
    },
    /// What is kept cannot be read: an operator must restore it.
    #[error("the store is damaged: {reason}; restore a backup")]
    Corrupt {
        /// What was found, and where.
        reason: String,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anybody deciding anew.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Full | Self::Unavailable { .. })
    }
}
