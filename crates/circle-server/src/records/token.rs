//! Credentials, hashed.

use circle_core::ids::{TokenId, WorkerId, WorkspaceId};
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Serialize};

/// A credential. The value itself is never kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenRecord {
    pub id: TokenId,
    /// SHA-256 of the value in hex.
    pub hash: String,
    /// What it opens; its word is indexed.
    pub kind: TokenKind,
    pub name: String,
    /// Whose, for workers' tokens; for an enrolment, the worker that is to be enrolled again.
    pub worker: Option<WorkerId>,
    /// For an enrolment: the workspace that the worker will belong to; `None`: the instance.
    #[serde(default)]
    pub workspace: Option<WorkspaceId>,
    /// In milliseconds since 1970.
    pub created_at: i64,
    /// In milliseconds since 1970; `None` = until revoked.
    pub expires_at: Option<i64>,
    /// To the minute, in milliseconds since 1970.
    pub used_at: Option<i64>,
}

/// What a token opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// The API.
    Administrator,
    /// The worker protocol, for one worker.
    Worker,
    /// One enrolment of one worker.
    Enrolment,
}

impl TokenKind {
    /// The word of the index.
    pub fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Worker => "worker",
            Self::Enrolment => "enrolment",
        }
    }

    /// What a value of this kind begins with, so that scanners for leaked secrets can know it.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Administrator => "circle_admin_",
            Self::Worker => "circle_worker_",
            Self::Enrolment => "circle_enrol_",
        }
    }
}

impl TokenRecord {
    /// Whether it still opens anything.
    pub fn is_valid(&self, now_ms: i64) -> bool {
        self.expires_at.is_none_or(|end| now_ms < end)
    }
}

impl Record for TokenRecord {
    const KIND: Kind = Kind::Token;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.id.to_string()
    }
}
