//! What an archive says of itself.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The shape of the archive; raised when an older program could not restore it.
pub const FORMAT: u32 = 1;
/// The first entry.
pub(super) const HEAD: &str = "backup.json";
/// Which master keys it needs, as a list of [`NeededKey`].
pub(super) const KEYS: &str = "master-keys.json";
/// The store.
pub(super) const DATABASE: &str = "records/circle.db";

/// The first entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The shape of the archive.
    pub format: u32,
    /// The version of Circle that made it.
    pub circle: String,
    /// When its making began; the store is of a moment shortly after.
    pub made_at: Timestamp,
}

/// A master key without which something in the archive cannot be opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeededKey {
    /// Its id.
    pub id: String,
    /// How many values are sealed under it.
    pub values: u64,
}
