//! What is known of a workload beyond one deployment.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::observation::Snapshot;
use super::record::{Deployment, Desired};
use super::state::DeploymentState;
use crate::ids::{DeploymentId, EnvironmentId, RunId, TargetId, WorkspaceId};

/// Versions that were rolled back and are remembered; older ones fall off.
pub const MAX_QUARANTINED: usize = 32;

/// The last good version of a workload and those that were rolled back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadState {
    /// `target/workload`: its id.
    pub lock: String,
    pub workspace: WorkspaceId,
    pub environment: EnvironmentId,
    pub target: TargetId,
    pub workload: String,
    /// The last version that Circle saw healthy.
    pub good: Option<GoodVersion>,
    /// Versions that were rolled back, oldest first.
    pub quarantined: Vec<Quarantined>,
    pub updated_at: Timestamp,
}

/// A version that was seen healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoodVersion {
    pub image: Desired,
    /// The whole specification, sealed.
    pub snapshot: Snapshot,
    pub run: RunId,
    pub deployment: DeploymentId,
    pub at: Timestamp,
}

/// A version that did not stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantined {
    /// `sha256:…`.
    pub digest: String,
    pub run: RunId,
    /// One sentence.
    pub why: String,
    pub at: Timestamp,
}

impl WorkloadState {
    /// Nothing is known yet.
    pub fn new(deployment: &Deployment, now: Timestamp) -> Self {
        Self {
            lock: deployment.lock.clone(),
            workspace: deployment.workspace,
            environment: deployment.environment,
            target: deployment.target,
            workload: deployment.workload.clone(),
            good: None,
            quarantined: Vec::new(),
            updated_at: now,
        }
    }

    /// Remembers a version that serves. Twice is once.
    pub fn serves(&mut self, deployment: &Deployment, snapshot: Snapshot, now: Timestamp) {
        if self.good.as_ref().is_some_and(|good| good.deployment == deployment.id) {
            return;
        }
        self.quarantined
            .retain(|known| known.digest != deployment.desired.digest);
        self.good = Some(GoodVersion {
            image: deployment.desired.clone(),
            snapshot,
            run: deployment.run,
            deployment: deployment.id,
            at: now,
        });
        self.updated_at = now;
    }

    /// Remembers a version that was rolled back for a fault of its own. Twice is once.
    pub fn quarantine(&mut self, deployment: &Deployment, now: Timestamp) {
        let reason = match &deployment.state {
            DeploymentState::RollingBack { reason, .. } | DeploymentState::RolledBack { reason, .. } => reason,
            _ => return,
        };
        if reason.kind == super::ReasonKind::Cancelled
            || self.quarantined.iter().any(|known| known.run == deployment.run)
        {
            return;
        }
        if self.quarantined.len() >= MAX_QUARANTINED {
            self.quarantined.remove(0);
        }
        let (digest, why) = (deployment.desired.digest.clone(), reason.message.clone());
        self.quarantined.push(Quarantined {
            digest,
            run: deployment.run,
            why,
            at: now,
        });
        self.updated_at = now;
    }
}
