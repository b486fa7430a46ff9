//! Workers that enrolled.

use circle_api::worker::WorkerFacts;
use circle_core::ids::{HostId, RunId, TokenId, WorkerId, WorkspaceId};
use circle_core::serving::Serves;
use circle_store::records::{Kind, Record, UpgradeError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
    /// Its only valid token; until a worker of one run has enrolled, its enrolment.
    pub token: TokenId,
    /// The one run that it was started for, and where; `None`: it takes whatever fits.
    #[serde(default)]
    pub posting: Option<Posting>,
    /// Takes nothing new.
    pub draining: bool,
    /// In milliseconds since 1970; written when its stream opens and closes.
    pub seen_at: Option<i64>,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

/// What the server started a worker for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posting {
    pub host: HostId,
    pub run: RunId,
}

impl WorkerRecord {
    /// Whose runs it gets.
    pub fn serves(&self) -> Serves {
        self.workspace.into()
    }
}

impl Record for WorkerRecord {
    const KIND: Kind = Kind::Worker;
    // 2: a worker may be bound to one run, which older programs would not see.
    const SCHEMA: u32 = 2;

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn upgrade(_: u32, body: Value) -> Result<Value, UpgradeError> {
        Ok(body)
    }
}
