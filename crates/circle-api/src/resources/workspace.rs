//! Tenants.

use circle_core::ids::WorkspaceId;
use circle_core::members::Role;
use circle_core::names::Slug;
use circle_core::service::Workspace;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::policy::{PolicyChange, PolicyView};

/// Makes a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceCreate {
    /// 1 to 63 lower-case letters, digits and inner hyphens; unique on the server.
    #[schema(value_type = String, max_length = 63)]
    pub name: Slug,
}

/// Changes what is given, leaves the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyChange>,
    /// Runs of all its services at the same time, 1 to 10,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10_000)]
    pub max_parallel: Option<u32>,
}

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkspaceView {
    #[schema(value_type = String)]
    pub id: WorkspaceId,
    #[schema(value_type = String)]
    pub name: Slug,
    pub policy: PolicyView,
    /// Runs of all its services at the same time; 10,000, which is no limit, when nothing was said.
    pub max_parallel: u32,
    /// What the caller may do in it.
    #[schema(value_type = RoleWord)]
    pub role: Role,
    pub created_at: Timestamp,
}

/// What a member may do; each may do what those before it may.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its description is used")]
pub(in crate::resources) enum RoleWord {
    Viewer,
    Developer,
    Releaser,
    Admin,
}

impl WorkspaceView {
    /// As somebody with this role sees it.
    pub fn of(workspace: &Workspace, role: Role) -> Self {
        Self {
            id: workspace.id,
            name: workspace.name.clone(),
            policy: PolicyView::from(&workspace.policy),
            max_parallel: workspace.max_parallel,
            role,
            created_at: workspace.created_at,
        }
    }
}
