//! Deployments: one change of one workload on one target.

use circle_core::ids::{DeploymentId, RunId, ServiceId};
use circle_core::names::Slug;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::stage::FailureView;

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentView {
    #[schema(value_type = String)]
    pub id: DeploymentId,
    #[schema(value_type = String)]
    pub run: RunId,
    /// The run's number in its service.
    pub run_number: u64,
    #[schema(value_type = String)]
    pub service: ServiceId,
    #[schema(value_type = String)]
    pub service_name: Slug,
    #[schema(value_type = String)]
    pub environment: Slug,
    /// The workload's name on the target.
    pub workload: String,
    /// One word: `waiting`, `locked` (another one has the workload), `applying`, `watching`, `rolling_back`, `succeeded`,
    /// `rolled_back`, `failed` (also rolling back failed), `cancelled`.
    pub state: String,
    /// The image as deployed: `host/path@sha256:…`.
    pub image: String,
    /// The digest before, `sha256:…`; absent when there was no workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_digest: Option<String>,
    /// The digest wished for, `sha256:…`.
    pub after_digest: String,
    /// Where the deployed service answers, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Why it did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
    /// The last 64, oldest first.
    pub events: Vec<DeploymentEvent>,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// Something that happened in a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeploymentEvent {
    pub at: Timestamp,
    /// One sentence.
    pub message: String,
}
