//! Starting, ending and repeating runs by hand.

use std::collections::BTreeMap;

use circle_core::ids::DeliveryId;
use circle_core::names::{BranchName, CommitId, Slug, TagName};
use circle_core::queue::Priority;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::InputValue;
use crate::resources::run::RunSummary;

/// Asks for a run. At most one of branch and tag; nothing = the service's default branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TriggerRequest {
    /// The service's name.
    #[schema(value_type = String)]
    pub service: Slug,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub branch: Option<BranchName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub tag: Option<TagName>,
    /// A full commit id on that branch or tag; absent = its head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub commit: Option<CommitId>,
    /// Shown beside the run; at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub reason: Option<String>,
    /// `high`, `normal` or `low`: an hour's head start before, or behind, the other runs of the workspace; `normal` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub priority: Option<Priority>,
    /// Values of the inputs that the pipeline file declares at that commit; `GET …/services/{service}/inputs` tells which. They are shown
    /// with the run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, InputValue>,
    /// Unique in the service: a second request with it gives the same run; absent = always a new run. At most 100 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub idempotency_key: Option<String>,
}

/// The answer to [`TriggerRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Triggered {
    #[schema(value_type = String)]
    pub delivery: DeliveryId,
    /// The run, when it was planned within the request's time; else ask for the delivery until its state names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunSummary>,
}

/// Ends a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CancelRequest {
    /// In a deployment: stop watching instead of rolling back.
    #[serde(default)]
    pub abandon: bool,
}

/// Repeats an ended run with the same commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RerunRequest {
    /// Stages before it are taken over with their outputs and digests; absent = all anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub from_stage: Option<String>,
    /// Keep the cell of a stage that fails for `GET /runs/{run}/shell`, for up to 30 minutes.
    #[serde(default)]
    pub hold: bool,
}
