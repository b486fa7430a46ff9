//! What people asked the server to change.

use circle_core::ids::{AuditId, TokenId, UserId, WorkspaceId};
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Serialize};

/// One request that may change something. It is stored before the request is handled and settled once after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRecord {
    pub id: AuditId,
    /// In milliseconds since 1970.
    pub at: i64,
    /// Who, as they were called then.
    pub actor: String,
    /// Whose account, if it was somebody with one.
    pub user: Option<UserId>,
    /// By which token or session.
    pub credential: Option<TokenId>,
    /// The operation of the API's description.
    pub action: String,
    /// The address that was asked.
    pub path: String,
    /// What the request calls the thing that it makes.
    pub name: Option<String>,
    /// Which workspace was opened for it.
    pub workspace: Option<WorkspaceId>,
    /// The status of the answer; `None`: the server ended before there was one.
    pub status: Option<u16>,
}

impl Record for AuditRecord {
    const KIND: Kind = Kind::Audit;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.id.to_string()
    }
}
