//! People with an account on this server.

use circle_core::ids::{IdentityId, IdentityProviderId, UserId};
use circle_core::names::Slug;
use circle_store::records::{Kind, Record, UpgradeError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserRecord {
    pub id: UserId,
    /// Unique on the server; what they sign in with and what records call them.
    pub name: Slug,
    /// `None` for somebody who signs in by an identity only.
    pub password: Option<StoredPassword>,
    /// Their accounts at identity providers. What stands here opens the account; an [`IdentityRecord`](super::IdentityRecord) only
    /// leads to it.
    #[serde(default)]
    pub identities: Vec<Identity>,
    /// Whether the whole server is theirs.
    pub administrator: bool,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

/// An account at an identity provider by which somebody signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub id: IdentityId,
    pub provider: IdentityProviderId,
    /// What they were called there; for showing.
    pub login: String,
    /// In milliseconds since 1970.
    pub linked_at: i64,
}

/// What is kept of a password: argon2id with its parameters, so that stronger ones can come later.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredPassword {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
    /// In hex.
    pub salt: String,
    /// In hex.
    pub hash: String,
}

impl std::fmt::Debug for StoredPassword {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "StoredPassword({} KiB, {} passes)", self.memory_kib, self.passes)
    }
}

impl Record for UserRecord {
    const KIND: Kind = Kind::User;
    // 2: an account may have no password, which older programs cannot read.
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

    use super::UserRecord;

    #[test]
    fn an_account_from_before_identities_has_its_password_and_none() {
        let old = serde_json::json!({
            "id": "usr_00000000000000000000000000000007", "name": "ann", "administrator": true, "created_at": 1,
            "password": { "memory_kib": 19456, "passes": 2, "lanes": 1, "salt": "aa", "hash": "bb" },
        });
        let body = UserRecord::upgrade(1, old).expect("a way");
        let user: UserRecord = serde_json::from_value(body).expect("the shape of now");
        assert_eq!(user.password.map(|kept| kept.hash).as_deref(), Some("bb"));
        assert!(user.identities.is_empty());
    }
}
