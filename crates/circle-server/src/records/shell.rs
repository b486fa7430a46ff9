//! Who was in a run's cell.

use circle_core::ids::{RunId, ShellId, WorkerId, WorkspaceId};
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Serialize};

/// One shell; written before it opens, so that there is none without its record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShellRecord {
    pub id: ShellId,
    pub workspace: WorkspaceId,
    pub run: RunId,
    /// The name of the token that opened it.
    pub actor: String,
    pub worker: WorkerId,
    /// In milliseconds since 1970.
    pub opened_at: i64,
    /// In milliseconds since 1970.
    pub closed_at: Option<i64>,
    /// How it ended.
    pub ended: Option<String>,
}

impl Record for ShellRecord {
    const KIND: Kind = Kind::Shell;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.id.to_string()
    }
}
