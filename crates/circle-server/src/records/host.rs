//! Hosts: engines elsewhere on which workers are started.

use circle_core::ids::{HostId, SecretId, WorkspaceId};
use circle_core::names::Slug;
use circle_core::serving::{Isolation, Reach};
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Serialize};

use crate::vault::OF_SERVER;

/// A host as somebody registered it, and what was found there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostRecord {
    pub id: HostId,
    /// Unique on the server.
    pub name: Slug,
    /// Whose runs go there; `None`: those of every workspace's members.
    pub workspace: Option<WorkspaceId>,
    pub settings: HostSettings,
    /// Client certificate, key and CA, sealed.
    pub tls: Option<SecretId>,
    pub wish: HostWish,
    /// What was found; `None` until it was looked at.
    pub finding: Option<HostFinding>,
    /// In milliseconds since 1970.
    pub created_at: i64,
}

/// How a host is reached and what its workers get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSettings {
    /// `tcp://host:port`, or `unix:///path` for the instance's.
    pub endpoint: String,
    /// Runs at the same time.
    pub cells: u32,
    /// Of each worker, in MiB; unbounded when absent.
    pub memory_mib: Option<u64>,
    /// Of each worker, in thousandths of a core; unbounded when absent.
    pub cpu_millis: Option<u64>,
    /// What carries a worker: Debian 12 with a Docker engine.
    pub image: String,
    /// Under which workers there reach this server.
    pub server_url: String,
    /// More flags of `circle worker` there.
    pub worker_flags: Vec<String>,
}

/// What is wanted of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostWish {
    Serve,
    /// What goes there goes on, nothing new begins.
    Drain,
    /// It is to be forgotten when nothing is left there.
    Remove,
}

/// What was found at a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFinding {
    /// The engine's version.
    pub version: String,
    pub kernel: String,
    /// As programs are named: `x86_64`, `aarch64`.
    pub arch: String,
    pub cpus: u32,
    pub memory_bytes: u64,
    /// Free where workers write.
    pub disk_free_bytes: u64,
    /// How much its clock is ahead of the server's.
    pub clock_ahead_ms: i64,
    /// What speaks against it, each a sentence; none: it takes runs.
    pub faults: Vec<String>,
    /// In milliseconds since 1970.
    pub at: i64,
}

impl HostRecord {
    /// Which runs go there: never strangers', since its network is not the server's to rule.
    pub fn reach(&self) -> Reach {
        Reach {
            serves: self.workspace.into(),
            isolation: Isolation::Shared,
        }
    }

    /// Whether something may be started there.
    pub fn takes_runs(&self) -> bool {
        self.wish == HostWish::Serve && self.finding.as_ref().is_some_and(|finding| finding.faults.is_empty())
    }

    /// The workspace under which its certificates are sealed.
    pub fn sealed_for(&self) -> WorkspaceId {
        self.workspace.unwrap_or(OF_SERVER)
    }

    /// The name under which its certificates are sealed.
    pub fn sealed_name(&self) -> String {
        format!("tls_{}", self.id)
    }
}

impl Record for HostRecord {
    const KIND: Kind = Kind::Host;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.id.to_string()
    }
}
