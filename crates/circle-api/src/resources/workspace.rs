//! Tenants.

use circle_core::ids::WorkspaceId;
use circle_core::names::Slug;
use circle_core::service::{Workspace, WorkspacePolicy};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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

/// Changes what is given, leaves the rest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyChange {
    /// See [`PolicyView::privileged`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privileged: Option<bool>,
    /// See [`PolicyView::push_pull_requests`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub push_pull_requests: Option<bool>,
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

/// What the pipeline files of the workspace may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// Privileged containers and devices: root on the worker's machine, in effect.
    pub privileged: bool,
    /// Pull requests of members may push images under `pr-N` tags.
    pub push_pull_requests: bool,
}

impl From<&Workspace> for WorkspaceView {
    fn from(workspace: &Workspace) -> Self {
        let WorkspacePolicy {
            privileged,
            push_pull_requests,
        } = workspace.policy.clone();
        Self {
            id: workspace.id,
            name: workspace.name.clone(),
            policy: PolicyView {
                privileged,
                push_pull_requests,
            },
            created_at: workspace.created_at,
        }
    }
}

impl PolicyChange {
    /// The policy after the change.
    pub fn applied_to(&self, before: &WorkspacePolicy) -> WorkspacePolicy {
        WorkspacePolicy {
            privileged: self.privileged.unwrap_or(before.privileged),
            push_pull_requests: self.push_pull_requests.unwrap_or(before.push_pull_requests),
        }
    }
}
