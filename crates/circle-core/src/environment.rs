//! Environments and targets: what the server keeps so that no pipeline file can widen it.

use std::collections::BTreeMap;

use globset::GlobBuilder;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{EnvironmentId, SecretId, ServiceId, TargetId, WorkspaceId};
use crate::names::{GitRef, Slug};
use crate::trigger::{Event, Trigger, Trust};

/// A named place to deploy to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    pub id: EnvironmentId,
    pub workspace: WorkspaceId,
    pub name: Slug,
    pub target: TargetId,
    /// Globs over full refs, such as `refs/heads/main` or `refs/tags/v*`; empty = no ref may deploy.
    pub protected_refs: Vec<String>,
    /// Which workload each service is.
    pub workloads: BTreeMap<ServiceId, Workload>,
    /// A rollout that is not healthy by then has failed, in seconds.
    pub deadline_s: u64,
    /// How long it must stay healthy, in seconds.
    pub stabilise_s: u64,
    pub created_at: Timestamp,
}

impl Environment {
    /// Ten minutes, as Kubernetes' progress deadline.
    pub const DEFAULT_DEADLINE_S: u64 = 600;
    /// Fifteen seconds of steady health.
    pub const DEFAULT_STABILISE_S: u64 = 15;
}

/// One service's place in an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// The workload's name on the target: a Swarm service.
    pub name: String,
    /// Where the deployed service answers, for `verify`; `None` = found from the target.
    pub url: Option<String>,
    /// How it is made at the first deployment; `None` = it must exist already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<WorkloadCreate>,
}

/// How a workload is made that is not there yet. Later deployments change only its image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadCreate {
    /// The container's TCP port, published with `mode=host` on a port that the target picks.
    pub port: Option<u16>,
    /// 1 to 1,000.
    pub replicas: u32,
    /// No secrets: anybody who may read the target sees them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// `None` = the image's own health check, else a steadily running task.
    pub health: Option<WorkloadHealth>,
}

/// A health check that the engine runs in the container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadHealth {
    /// Argument vector; exit code 0 is healthy.
    pub command: Vec<String>,
    /// Between two checks, in milliseconds.
    pub interval_ms: u64,
    /// For one check, in milliseconds.
    pub timeout_ms: u64,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
}

/// Where images are deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub id: TargetId,
    pub workspace: WorkspaceId,
    pub name: Slug,
    pub kind: TargetKind,
    pub created_at: Timestamp,
}

/// Kinds of target with what each needs to be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TargetKind {
    /// A Docker Swarm manager's engine.
    Swarm {
        /// `unix:///path` or `tcp://host:port`.
        endpoint: String,
        /// Client certificate, key and CA as one sealed PEM bundle, for TCP.
        tls: Option<SecretId>,
    },
}

impl TargetKind {
    /// Whether it is a socket of the server's own machine, which only the server's administrators may name.
    pub fn is_local(&self) -> bool {
        let Self::Swarm { endpoint, .. } = self;
        endpoint.starts_with("unix:")
    }
}

/// Why a trigger may not reach an environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("code of strangers is never deployed")]
    Stranger,
    #[error("pull requests are never deployed")]
    PullRequest,
    #[error("{git_ref} may not deploy to {environment}: its protected refs are {protected}")]
    NotProtected {
        git_ref: GitRef,
        environment: Slug,
        protected: String,
    },
    #[error("this service has no workload in {environment}: add it with `circle environment bind`")]
    NoWorkload { environment: Slug },
    #[error("a protected ref of {environment} is no valid glob: {pattern}")]
    BadGlob { environment: Slug, pattern: String },
}

impl Environment {
    /// Whether a run of this trigger may deploy the service here, or read the environment's secrets.
    ///
    /// # Errors
    /// The [`Refusal`] that a person is shown.
    pub fn admits(&self, trigger: &Trigger, service: ServiceId) -> Result<&Workload, Refusal> {
        if trigger.trust == Trust::Stranger {
            return Err(Refusal::Stranger);
        }
        if matches!(trigger.event, Event::PullRequest { .. }) {
            return Err(Refusal::PullRequest);
        }
        if !self.protects(&trigger.git_ref)? {
            return Err(Refusal::NotProtected {
                git_ref: trigger.git_ref.clone(),
                environment: self.name.clone(),
                protected: if self.protected_refs.is_empty() {
                    "none".into()
                } else {
                    self.protected_refs.join(", ")
                },
            });
        }
        self.workloads.get(&service).ok_or_else(|| Refusal::NoWorkload {
            environment: self.name.clone(),
        })
    }

    /// Whether a text is a glob that [`Environment::admits`] understands.
    pub fn is_glob(pattern: &str) -> bool {
        GlobBuilder::new(pattern).literal_separator(true).build().is_ok()
    }

    /// Whether a ref is one of those that may deploy here.
    ///
    /// # Errors
    /// [`Refusal::BadGlob`] names the pattern.
    pub fn protects(&self, git_ref: &GitRef) -> Result<bool, Refusal> {
        for pattern in &self.protected_refs {
            let glob = GlobBuilder::new(pattern)
                .literal_separator(true)
                .build()
                .map_err(|_| Refusal::BadGlob {
                    environment: self.name.clone(),
                    pattern: pattern.clone(),
                })?;
            if glob.compile_matcher().is_match(git_ref.as_str()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
