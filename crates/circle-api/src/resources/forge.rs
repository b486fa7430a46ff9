//! Forges: where repositories live, hooks come from and statuses go to.

use circle_core::forge::{self, ForgeConnection};
use circle_core::ids::ForgeId;
use circle_core::names::Slug;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::worker::SecretValue;

/// What speaks at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ForgeKind {
    /// github.com or GitHub Enterprise Server.
    Github,
    /// gitlab.com or a GitLab of one's own.
    Gitlab,
    /// Gitea or Forgejo.
    Gitea,
}

/// Connects a forge with somebody's token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgeCreate {
    /// Unique in the workspace.
    #[schema(value_type = String, max_length = 63)]
    pub name: Slug,
    pub kind: ForgeKind,
    /// As a browser opens it; absent for github.com and gitlab.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub address: Option<String>,
    /// Sealed at once and never shown again; at most 4 KiB.
    #[schema(value_type = String, format = Password, max_length = 4096)]
    pub token: SecretValue,
}

/// Another token for a forge; the one before is forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgeToken {
    /// Of the same forge; it may be somebody else's.
    #[schema(value_type = String, format = Password, max_length = 4096)]
    pub token: SecretValue,
}

/// A forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForgeView {
    #[schema(value_type = String)]
    pub id: ForgeId,
    #[schema(value_type = String)]
    pub name: Slug,
    pub kind: ForgeKind,
    pub address: String,
    /// Whose token it is.
    pub account: String,
    pub created_at: Timestamp,
}

/// Connects a forge by OAuth: the first step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgeOauthBegin {
    /// Unique in the workspace.
    #[schema(value_type = String, max_length = 63)]
    pub name: Slug,
    pub kind: ForgeKind,
    /// As a browser opens it; absent for github.com and gitlab.com.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub address: Option<String>,
    /// Of the application that you registered there.
    #[schema(max_length = 255)]
    pub client_id: String,
    /// Sealed once the forge is connected, and never shown again.
    #[schema(value_type = String, format = Password, max_length = 4096)]
    pub client_secret: SecretValue,
}

/// Where to go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForgeOauthBegun {
    /// Open it within ten minutes; it ends with a page that shows a code.
    pub authorize_url: String,
    /// What the application must name as its redirect address, exactly.
    pub redirect_uri: String,
}

/// The second step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgeOauthFinish {
    /// As the page showed it; it works once, for whoever began.
    #[schema(value_type = String, format = Password, max_length = 8192)]
    pub code: SecretValue,
}

/// What a check does beside looking.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgeCheckRequest {
    /// Makes missing hooks and mends wrong ones.
    #[serde(default)]
    pub repair: bool,
}

/// How a connection stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForgeCheck {
    /// Whose token it is, as the forge says now.
    pub account: String,
    /// The services of the connection.
    pub hooks: Vec<ForgeHookView>,
}

/// A service's hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForgeHookView {
    #[schema(value_type = String)]
    pub service: Slug,
    /// `owner/name`.
    pub repository: String,
    /// What the forge calls.
    pub url: String,
    pub state: ForgeHookState,
}

/// How a hook stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum ForgeHookState {
    /// As Circle made it.
    Good,
    /// None calls the address.
    Missing,
    /// It is not as it must be, or cannot be seen.
    Wrong { why: String },
    /// It was made or mended now.
    Repaired,
}

/// Which repositories.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ForgeRepositoryQuery {
    /// Part of `owner/name`, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// The `next` of the page before; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A repository that can be linked, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ForgeRepositoryView {
    /// The forge's own.
    pub id: String,
    /// `owner/name`.
    pub full_name: String,
    pub private: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<String>,
    /// Why it cannot be linked, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why_not: Option<String>,
    /// Services of the workspace that are linked to it.
    #[schema(value_type = Vec<String>)]
    pub services: Vec<Slug>,
}

/// Links a repository and makes its hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgeLinkCreate {
    /// `owner/name`.
    #[schema(max_length = 512)]
    pub repository: String,
    /// Unique in the workspace; the repository's own name when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, max_length = 63)]
    pub name: Option<Slug>,
    /// Where the pipeline file lies; `caicloud.yml` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub pipeline_path: Option<String>,
}

/// A service's repository on a forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceForge {
    /// The connection.
    #[schema(value_type = String)]
    pub id: ForgeId,
    /// `owner/name`, as it was called when it was linked.
    pub repository: String,
}

impl From<&ForgeConnection> for ForgeView {
    fn from(connection: &ForgeConnection) -> Self {
        Self {
            id: connection.id,
            name: connection.name.clone(),
            kind: connection.kind.into(),
            address: connection.address.clone(),
            account: connection.account.login.clone(),
            created_at: connection.created_at,
        }
    }
}

impl From<forge::ForgeKind> for ForgeKind {
    fn from(kind: forge::ForgeKind) -> Self {
        match kind {
            forge::ForgeKind::Github => Self::Github,
            forge::ForgeKind::Gitlab => Self::Gitlab,
            forge::ForgeKind::Gitea => Self::Gitea,
        }
    }
}

impl From<ForgeKind> for forge::ForgeKind {
    fn from(kind: ForgeKind) -> Self {
        match kind {
            ForgeKind::Github => Self::Github,
            ForgeKind::Gitlab => Self::Gitlab,
            ForgeKind::Gitea => Self::Gitea,
        }
    }
}
