//! Environments: named places to deploy to, and each service's workload there.

use std::collections::BTreeMap;

use circle_core::ids::{EnvironmentId, ServiceId};
use circle_core::names::Slug;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Makes an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentCreate {
    /// Unique in the workspace.
    #[schema(value_type = String, max_length = 63)]
    pub name: Slug,
    /// The target's name.
    #[schema(value_type = String)]
    pub target: Slug,
    /// Globs over full refs, such as `refs/heads/main` or `refs/tags/v*`; at most 64; empty = no ref may deploy.
    #[serde(default)]
    #[schema(max_items = 64)]
    pub protected_refs: Vec<String>,
    /// A rollout that is not healthy by then has failed; in seconds, 1 to 86,400; 600 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 86_400)]
    pub deadline_s: Option<u64>,
    /// How long it must stay healthy; in seconds, 0 to 3,600; 15 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 3600)]
    pub stabilise_s: Option<u64>,
}

/// Changes what is given, leaves the rest. Bounds as in [`EnvironmentCreate`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentChange {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub target: Option<Slug>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protected_refs: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stabilise_s: Option<u64>,
}

/// Says which workload on the environment's target a service is. The service stands in the path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadBind {
    /// The workload's name on the target: a Swarm service; 1 to 63 letters, digits, `-`, `_`, `.`.
    #[schema(max_length = 63)]
    pub workload: String,
    /// Where the deployed service answers, for `verify`; absent = found from the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 2048)]
    pub url: Option<String>,
    /// How the workload is made at the first deployment; absent = it must exist already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<WorkloadCreate>,
}

/// How a workload is made that is not there yet. Later deployments change only its image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadCreate {
    /// The container's TCP port that is published with `mode=host` on a port that the target picks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 65_535)]
    pub port: Option<u16>,
    /// 1 to 1,000; 1 when absent.
    #[serde(default = "one")]
    #[schema(minimum = 1, maximum = 1000)]
    pub replicas: u32,
    /// At most 256 variables; no secrets: anybody who may read the target sees them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// How health is found; absent = the image's own health check, else a steadily running task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<WorkloadHealth>,
}

/// A health check that the engine runs in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadHealth {
    /// Argument vector, run in the container; 1 to 64 words; exit code 0 is healthy.
    #[schema(min_items = 1, max_items = 64)]
    pub command: Vec<String>,
    /// Between two checks, in milliseconds, 100 to 3,600,000; 1,000 when absent.
    #[serde(default = "second")]
    #[schema(minimum = 100, maximum = 3_600_000)]
    pub interval_ms: u64,
    /// For one check, in milliseconds, 100 to 3,600,000; 1,000 when absent.
    #[serde(default = "second")]
    #[schema(minimum = 100, maximum = 3_600_000)]
    pub timeout_ms: u64,
    /// Failures in a row that make it unhealthy, 1 to 100; 3 when absent.
    #[serde(default = "three")]
    #[schema(minimum = 1, maximum = 100)]
    pub retries: u32,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnvironmentView {
    #[schema(value_type = String)]
    pub id: EnvironmentId,
    #[schema(value_type = String)]
    pub name: Slug,
    /// The target's name.
    #[schema(value_type = String)]
    pub target: Slug,
    pub protected_refs: Vec<String>,
    /// In seconds.
    pub deadline_s: u64,
    /// In seconds.
    pub stabilise_s: u64,
    /// By the services' names.
    pub workloads: Vec<WorkloadView>,
    pub created_at: Timestamp,
}

/// One service's place in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkloadView {
    #[schema(value_type = String)]
    pub service: ServiceId,
    #[schema(value_type = String)]
    pub service_name: Slug,
    pub workload: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<WorkloadCreate>,
}

fn one() -> u32 {
    1
}

fn three() -> u32 {
    3
}

fn second() -> u64 {
    1_000
}
