//! Who may change a workload: one deployment at a time, the oldest first, under a lease with a fence.

use std::sync::Arc;

use circle_core::deployment::{Deployment, DeploymentEvent};
use circle_store::leases::{Acquire, LeaseError, Leases};
use circle_store::records::Query;
use circle_store::records::kinds::DEPLOYMENT_LOCK;

use super::drive::{Next, StepError};
use super::engine::Deployer;
use crate::time::now_ms;

/// A lease lives so long without renewal, in milliseconds.
const LEASE_MS: i64 = 60_000;
/// It is renewed this often, in milliseconds.
const RENEW_MS: i64 = 15_000;
/// Waiting deployments of one workload that are looked at; with more, the oldest of these is next.
const QUEUE_LOOKED_AT: usize = 200;

/// A lease while it is held; given back when the deployment has ended.
#[derive(Debug)]
pub(super) struct Hold {
    name: String,
    fence: circle_store::leases::Fence,
    renewed_ms: i64,
}

impl Hold {
    pub(super) fn fence(&self) -> u64 {
        self.fence.0
    }

    pub(super) async fn give_back(self, leases: &Arc<dyn Leases>) {
        if let Err(error) = leases.release(&self.name, self.fence).await {
            tracing::debug!(lease = self.name, %error, "a lease was not given back; it runs out");
        }
    }
}

impl Deployer {
    /// Takes the workload when it is this deployment's turn.
    pub(super) async fn take_turn(&self, deployment: &Deployment, hold: &mut Option<Hold>) -> Result<Next, StepError> {
        let page = self
            .records
            .find(
                Query::over(DEPLOYMENT_LOCK)
                    .equal(deployment.lock.as_str())
                    .limit(QUEUE_LOOKED_AT),
            )
            .await?;
        let mut waiting = Vec::new();
        for head in &page.heads {
            let Some(other) = self.deployment(&head.id).await? else {
                continue;
            };
            let other = other.0;
            if other.id == deployment.id || other.state.is_ended() {
                continue;
            }
            if other.state.holds_workload() {
                return Ok(Next::AfterChange);
            }
            if other.state.word() == "queued" {
                waiting.push((other.created_at, other.id));
            }
        }
        if waiting
            .iter()
            .any(|other| *other < (deployment.created_at, deployment.id))
        {
            return Ok(Next::AfterChange);
        }
        self.hold(deployment, hold).await
    }

    /// Makes sure that the lease is ours, anew after a crash.
    pub(super) async fn hold(&self, deployment: &Deployment, hold: &mut Option<Hold>) -> Result<Next, StepError> {
        let name = format!("deploy/{}", deployment.lock);
        if let Some(held) = hold.as_mut() {
            if now_ms() - held.renewed_ms < RENEW_MS {
                return Ok(Next::Again);
            }
            match self.leases.renew(&name, held.fence, LEASE_MS, now_ms()).await {
                Ok(_) => {
                    held.renewed_ms = now_ms();
                    return Ok(Next::Again);
                }
                Err(LeaseError::Lost { .. }) => *hold = None,
                Err(error) => return Err(error.into()),
            }
        }
        let wish = Acquire {
            name: name.clone(),
            holder: deployment.id.to_string(),
            ttl_ms: LEASE_MS,
        };
        match self.leases.acquire(wish, now_ms()).await {
            Ok(lease) => {
                *hold = Some(Hold {
                    name,
                    fence: lease.fence,
                    renewed_ms: now_ms(),
                });
                self.store(
                    deployment,
                    DeploymentEvent::Locked { fence: lease.fence.0 },
                    lease.fence.0,
                )
                .await?;
                Ok(Next::Again)
            }
            Err(LeaseError::Held(_)) => Ok(Next::AfterChange),
            Err(error) => Err(error.into()),
        }
    }
}
