//! Tenants.

use circle_core::ids::WorkspaceId;
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
}

/// A workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkspaceView {
    #[schema(value_type = String)]
    pub id: WorkspaceId,
    #[schema(value_type = String)]
    pub name: Slug,
    pub policy: PolicyView,
    pub created_at: Timestamp,
}

impl From<&Workspace> for WorkspaceView {
    fn from(workspace: &Workspace) -> Self {
        Self {
            id: workspace.id,
            name: workspace.name.clone(),
            policy: PolicyView::from(&workspace.policy),
            created_at: workspace.created_at,
        }
    }
}
