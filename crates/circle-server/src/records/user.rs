//! People with an account on this server.

use circle_core::ids::UserId;
use circle_core::names::Slug;
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Serialize};

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserRecord {
    pub id: UserId,
    /// Unique on the server; what they sign in with and what records call them.
    pub name: Slug,
    pub password: StoredPassword,
    /// Whether the whole server is theirs.
    pub administrator: bool,
    /// In milliseconds since 1970.
    pub created_at: i64,
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
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.id.to_string()
    }
}
