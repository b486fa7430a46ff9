//! Credentials, hashed.

use circle_core::ids::{TokenId, UserId, WorkerId, WorkspaceId};
use circle_core::members::Limit;
use circle_store::records::{Kind, Record, UpgradeError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A session ends so long after its last use, in milliseconds: a working day.
const SESSION_IDLE_MS: i64 = 12 * 3_600_000;

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
    /// Whose, for sessions, tokens and links of people.
    #[serde(default)]
    pub owner: Option<UserId>,
    /// For a token of the API: what it leaves of its owner's rights; `None`: all of them.
    #[serde(default)]
    pub limit: Option<Limit>,
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
    /// The API, on behalf of the server itself: all rights, or what a limit leaves of them.
    Administrator,
    /// The API, on behalf of its owner.
    Personal,
    /// A browser of its owner.
    Session,
    /// One place in a workspace, for whoever has the link.
    Invitation,
    /// The account of the first administrator, for whoever has the link.
    Welcome,
    /// A new password of its owner.
    Reset,
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
            Self::Personal => "personal",
            Self::Session => "session",
            Self::Invitation => "invitation",
            Self::Welcome => "welcome",
            Self::Reset => "reset",
            Self::Worker => "worker",
            Self::Enrolment => "enrolment",
        }
    }

    /// What a value of this kind begins with, so that scanners for leaked secrets can know it.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Administrator => "circle_admin_",
            Self::Personal => "circle_token_",
            Self::Session => "circle_session_",
            Self::Invitation => "circle_invite_",
            Self::Welcome => "circle_welcome_",
            Self::Reset => "circle_reset_",
            Self::Worker => "circle_worker_",
            Self::Enrolment => "circle_enrol_",
        }
    }
}

impl TokenRecord {
    /// Whether it still opens anything.
    pub fn is_valid(&self, now_ms: i64) -> bool {
        self.expires_at.is_none_or(|end| now_ms < end) && self.idle_until().is_none_or(|end| now_ms < end)
    }

    /// A session ends when it is not used; by its last use, which is kept to the minute.
    fn idle_until(&self) -> Option<i64> {
        let used = self.used_at.unwrap_or(self.created_at);
        (self.kind == TokenKind::Session).then_some(used + SESSION_IDLE_MS)
    }
}

impl Record for TokenRecord {
    const KIND: Kind = Kind::Token;
    // 2: a token may have a limit, which older programs would not see.
    const SCHEMA: u32 = 2;

    fn id(&self) -> String {
        self.id.to_string()
    }

    fn upgrade(_: u32, body: Value) -> Result<Value, UpgradeError> {
        Ok(body)
    }
}

#[cfg(test)]
mod tests {
    use circle_store::records::Record;

    use super::{TokenKind, TokenRecord};

    #[test]
    fn a_token_from_before_limits_has_none() {
        let old = serde_json::json!({
            "id": "tok_00000000000000000000000000000007", "hash": "aa", "kind": "administrator", "name": "old",
            "worker": null, "created_at": 1, "expires_at": null, "used_at": null,
        });
        let body = TokenRecord::upgrade(1, old).expect("a way");
        let token: TokenRecord = serde_json::from_value(body).expect("the shape of now");
        assert_eq!((token.kind, token.limit), (TokenKind::Administrator, None));
    }
}
