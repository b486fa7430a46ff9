//! Workers that enrolled.

use circle_api::worker::WorkerFacts;
use circle_core::ids::{TokenId, WorkerId, WorkspaceId};
use circle_core::serving::Serves;
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Serialize};

/// A worker. Whether it is connected is known in memory only; the document says who it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkerRecord {
    pub id: WorkerId,
    /// Unique on the server.
    pub name: String,
    /// What it said of itself.
    pub facts: WorkerFacts,
    /// The workspace that it belongs to; `None`: the instance's, which takes everybody's runs.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
    /// Its only valid token.
    pub token: TokenId,
    /// Takes nothing new.
    pub draining: bool,
    /// In milliseconds since 1970; written when its stream opens and closes.
    pub seen_at: Option<i64>,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

impl WorkerRecord {
    /// Whose runs it gets.
    pub fn serves(&self) -> Serves {
        self.workspace.into()
    }
}

impl Record for WorkerRecord {
    const KIND: Kind = Kind::Worker;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.id.to_string()
    }
}
