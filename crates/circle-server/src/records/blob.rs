//! Who needs a stored output.

use circle_core::ids::RunId;
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Serialize};

/// One stage's output of one run. Several records may name one digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRecord {
    pub run: RunId,
    pub stage: String,
    /// `sha256:…`.
    pub digest: String,
    /// In bytes.
    pub size: u64,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

impl Record for BlobRecord {
    const KIND: Kind = Kind::Blob;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        format!("{}/{}", self.run, self.stage)
    }
}
