//! Hosts: engines elsewhere on which workers are started, one for each run.

use circle_core::ids::{HostId, WorkspaceId};
use circle_core::names::Slug;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::worker::SecretValue;

/// Registers a host. It is looked at before it takes a run: see its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostCreate {
    /// Unique on the server.
    #[schema(value_type = String, max_length = 63)]
    pub name: Slug,
    /// The workspace whose members' runs go there; every workspace's members' when absent, for administrators of the
    /// server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// `tcp://host:port` as the server reaches it; for administrators of the server also `unix:///path`.
    #[schema(max_length = 512)]
    pub endpoint: String,
    /// Client certificate, key and CA as one PEM bundle; needed for `tcp://`; sealed at once; at most 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password, max_length = 65_536)]
    pub tls_bundle: Option<SecretValue>,
    /// Runs at the same time, 1 to 256.
    #[schema(minimum = 1, maximum = 256)]
    pub cells: u32,
    /// Memory of each run's worker, in MiB, 256 to 1,048,576; unbounded when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 256, maximum = 1_048_576)]
    pub memory_mib: Option<u64>,
    /// Processor time of each run's worker, in thousandths of a core, 100 to 1,024,000; unbounded when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 100, maximum = 1_024_000)]
    pub cpu_millis: Option<u64>,
    /// What carries a worker: Debian 12 with a Docker engine; `circle/worker-base:12` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 256)]
    pub image: Option<String>,
    /// The address under which workers there reach this server; the server's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 512)]
    pub server_url: Option<String>,
    /// Whether that address may be plain HTTP on another machine, where tokens and secrets can be read on the way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_plain_http: bool,
    /// More of what `circle worker` understands, each as `--name=value`, at most 32: what cells are bounded by, and what
    /// surrounds them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 32)]
    pub worker_flags: Vec<String>,
}

/// Changes a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostChange {
    /// Whether it takes nothing new; what goes there goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draining: Option<bool>,
    /// Runs at the same time, 1 to 256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 256)]
    pub cells: Option<u32>,
    /// Another bundle of client certificate, key and CA.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Password, max_length = 65_536)]
    pub tls_bundle: Option<SecretValue>,
}

/// How a host is removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HostRemoveQuery {
    /// At once, although it cannot be reached: what runs there is given to others, and what is left there stays.
    #[serde(default)]
    pub force: bool,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostView {
    #[schema(value_type = String)]
    pub id: HostId,
    #[schema(value_type = String)]
    pub name: Slug,
    pub state: HostState,
    /// The workspace that it belongs to; absent for the instance's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub workspace: Option<WorkspaceId>,
    pub endpoint: String,
    /// Whether a client certificate is kept.
    pub has_tls: bool,
    /// Runs at the same time.
    pub cells: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_millis: Option<u64>,
    pub image: String,
    pub server_url: String,
    pub worker_flags: Vec<String>,
    /// What was found there when it was looked at last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<HostFacts>,
    /// What speaks against it, each a sentence.
    pub problems: Vec<String>,
    pub created_at: Timestamp,
}

/// What was found at a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HostFacts {
    /// The engine's version.
    pub version: String,
    pub kernel: String,
    /// `x86_64`, `aarch64`.
    pub arch: String,
    pub cpus: u32,
    pub memory_bytes: u64,
    pub disk_free_bytes: u64,
    /// How much its clock is ahead of the server's.
    pub clock_ahead_ms: i64,
    pub at: Timestamp,
}

/// Where a host stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// It is being looked at.
    Checking,
    /// It takes runs.
    Ready,
    /// It was looked at, and takes no runs: see its problems.
    Refused,
    /// It does not do what it is asked; it is tried again.
    Troubled,
    /// It finishes what it has and takes nothing new.
    Draining,
    /// It is forgotten as soon as nothing is left there.
    Removing,
}

impl HostState {
    /// The word of the wire, for tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Ready => "ready",
            Self::Refused => "refused",
            Self::Troubled => "troubled",
            Self::Draining => "draining",
            Self::Removing => "removing",
        }
    }
}
