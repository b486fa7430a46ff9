//! Credentials for the API.

use circle_core::ids::{TokenId, WorkspaceId};
use circle_core::members::Role;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::worker::SecretValue;

/// What a token may do at most; each may do what those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// What a viewer may.
    Read,
    /// What a developer may.
    Run,
    /// What a releaser may.
    Deploy,
    /// What an admin may.
    Admin,
}

impl From<TokenScope> for Role {
    fn from(scope: TokenScope) -> Self {
        match scope {
            TokenScope::Read => Self::Viewer,
            TokenScope::Run => Self::Developer,
            TokenScope::Deploy => Self::Releaser,
            TokenScope::Admin => Self::Admin,
        }
    }
}

impl From<Role> for TokenScope {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Read,
            Role::Developer => Self::Run,
            Role::Releaser => Self::Deploy,
            Role::Admin => Self::Admin,
        }
    }
}

/// Makes a token. It never opens more than its maker may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenCreate {
    /// What it is for; 1 to 100 characters; it stands in the audit as the actor.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// How long it works, in seconds, from 60; absent = until revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60)]
    pub valid_s: Option<u64>,
    /// Nothing beyond this; absent = all that its maker may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<TokenScope>,
    /// Nothing outside this workspace; absent = wherever its maker may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
}

/// The answer to [`TokenCreate`]; the value is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenCreated {
    pub token: TokenView,
    #[schema(value_type = String, format = Password)]
    pub value: SecretValue,
}

/// A token without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    #[schema(value_type = String)]
    pub id: TokenId,
    pub name: String,
    /// Absent = all that its maker may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<TokenScope>,
    /// The only workspace that it opens; absent = wherever its maker may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub workspace: Option<WorkspaceId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// To the minute; absent when never used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_at: Option<Timestamp>,
    pub created_at: Timestamp,
}
