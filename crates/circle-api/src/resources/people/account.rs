//! People: accounts, signing in, members of workspaces, invitations.

use circle_core::ids::{TokenId, UserId};
use circle_core::members::Role;
use circle_core::names::Slug;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::token::{TokenCreate, TokenCreated};
use super::super::workspace::RoleWord;
use crate::worker::SecretValue;

/// Signs in. A browser gets a session's cookie; a program asks for a token instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    #[schema(max_length = 63)]
    pub name: String,
    #[schema(value_type = String, format = Password, max_length = 256)]
    pub password: SecretValue,
    /// Makes this token in the place of a session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenCreate>,
}

/// The answer to [`SignIn`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignedIn {
    pub account: AccountView,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenCreated>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AccountView {
    pub name: String,
    /// Absent for the server's own tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// Whether the whole server is theirs.
    pub administrator: bool,
}

/// Another password; every session but a new one ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// Absent when the account has none yet: then this must come from a browser's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password, max_length = 256)]
    pub current: Option<SecretValue>,
    /// 10 to 256 bytes.
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 256)]
    pub new: SecretValue,
}

/// Uses up a one-time link: of the first start, of an invitation, or for a new password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkRedeem {
    /// What stands behind the `#` of the link.
    #[schema(value_type = String, format = Password, max_length = 256)]
    pub link: SecretValue,
    /// The name of the new account; absent for a new password, and for somebody who is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 63)]
    pub name: Option<Slug>,
    /// 10 to 256 bytes; absent for somebody who is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password, min_length = 10, max_length = 256)]
    pub password: Option<SecretValue>,
}

/// A link that works once; it is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkCreated {
    #[schema(value_type = String)]
    pub id: TokenId,
    #[schema(value_type = String, format = Password)]
    pub link: SecretValue,
    pub expires_at: Timestamp,
}

/// Somebody with an account, as administrators of the server see them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    #[schema(value_type = String)]
    pub id: UserId,
    #[schema(value_type = String)]
    pub name: Slug,
    pub administrator: bool,
    pub created_at: Timestamp,
}

/// Changes what somebody is to the server; their sessions end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    pub administrator: bool,
}

/// Somebody in a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MemberView {
    #[schema(value_type = String)]
    pub user: UserId,
    #[schema(value_type = String)]
    pub name: Slug,
    #[schema(value_type = RoleWord)]
    pub role: Role,
    pub since: Timestamp,
}

/// Gives a member another role; their sessions end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberChange {
    #[schema(value_type = RoleWord)]
    pub role: Role,
}

/// Invites somebody into a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InvitationCreate {
    #[schema(value_type = RoleWord)]
    pub role: Role,
    /// How long the link works, in seconds, 60 to 2,592,000; a week when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60, maximum = 2_592_000)]
    pub valid_s: Option<u64>,
}

/// An invitation that nobody used yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvitationView {
    #[schema(value_type = String)]
    pub id: TokenId,
    #[schema(value_type = RoleWord)]
    pub role: Role,
    /// Who invited.
    pub by: String,
    pub expires_at: Timestamp,
}
