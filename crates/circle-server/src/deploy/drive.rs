//! One deployment from its first state to its last, step by step; every step begins with what the stores say.

use std::sync::Arc;
use std::time::Duration;

use circle_core::deployment::{ApplyError, BackStep, Deployment, DeploymentEvent, DeploymentState};
use circle_core::ids::DeploymentId;
use circle_core::run::Run;
use circle_store::leases::LeaseError;
use circle_store::records::{RecordError, StoreError, UpdateError};

use super::engine::Deployer;
use super::turn::Hold;
use crate::records::{DeploymentRecord, RunRecord};
use crate::time::now;
use crate::vault::VaultError;

/// Whoever waits for others looks at least so often, also when no notice came.
const WAIT_LIMIT: Duration = Duration::from_secs(2);
/// After a failure of a store.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// When the next step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// At once.
    Again,
    /// After so long, or when a run changed (somebody may have cancelled).
    After(Duration),
    /// When another deployment changed.
    AfterChange,
    /// There is none.
    Done,
}

/// Why a step was not done; it is tried again.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Lease(#[from] LeaseError),
    #[error(transparent)]
    Vault(#[from] VaultError),
    #[error("the deployment moved meanwhile")]
    Moved(#[from] ApplyError),
    #[error("the deployment is written by others all the time")]
    Contended,
}

/// Drives a deployment to its end.
pub(super) async fn drive(deployer: Arc<Deployer>, id: DeploymentId) -> DeploymentId {
    let mut hold = None;
    let mut deployments = deployer.records.changes::<DeploymentRecord>();
    let mut runs = deployer.records.changes::<RunRecord>();
    loop {
        match deployer.step(id, &mut hold).await {
            Ok(Next::Again) => {}
            Ok(Next::Done) => return id,
            Ok(Next::After(pause)) => tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = runs.changed() => {}
            },
            Ok(Next::AfterChange) => tokio::select! {
                () = tokio::time::sleep(WAIT_LIMIT) => {}
                () = deployments.changed() => {}
                () = runs.changed() => {}
            },
            Err(StepError::Moved(error)) => {
                tracing::debug!(deployment = %id, %error, "a decision came too late; it is decided anew");
            }
            Err(error) => {
                tracing::warn!(deployment = %id, %error, "a step of a deployment failed; it is tried again");
                tokio::time::sleep(STORE_PAUSE).await;
            }
        }
    }
}

impl Deployer {
    async fn step(&self, id: DeploymentId, hold: &mut Option<Hold>) -> Result<Next, StepError> {
        let Some(DeploymentRecord(deployment)) = self.deployment(&id.to_string()).await? else {
            return Ok(Next::Done);
        };
        if deployment.state.is_ended() {
            if let Some(hold) = hold.take() {
                hold.give_back(&self.leases).await;
            }
            self.advance_run(&deployment.run.to_string()).await?;
            return Ok(Next::Done);
        }
        if let Some(event) = self.wish_to_end(&deployment).await? {
            let fence = hold.as_ref().map_or(deployment.fence, Hold::fence);
            self.store(&deployment, event, fence).await?;
            return Ok(Next::Again);
        }
        match &deployment.state {
            DeploymentState::Waiting { .. } => self.wait_for_needs(&deployment).await,
            DeploymentState::Queued { .. } => self.take_turn(&deployment, hold).await,
            state => {
                if self.hold(&deployment, hold).await? == Next::AfterChange {
                    return Ok(Next::AfterChange);
                }
                let Some(held) = hold.as_ref() else {
                    return Ok(Next::Again);
                };
                let verifying = matches!(
                    state,
                    DeploymentState::Verifying { .. }
                        | DeploymentState::RollingBack {
                            step: BackStep::Verifying { .. },
                            ..
                        }
                );
                if verifying {
                    self.verify(&deployment, held.fence()).await
                } else {
                    self.look(&deployment, held.fence()).await
                }
            }
        }
    }

    /// The run's wish to end, unless this deployment knows it already.
    async fn wish_to_end(&self, deployment: &Deployment) -> Result<Option<DeploymentEvent>, StepError> {
        let Some((RunRecord(run), _)) = self.records.load::<RunRecord>(&deployment.run.to_string()).await? else {
            return Ok(None);
        };
        let Run {
            cancel: Some(cancel), ..
        } = run
        else {
            return Ok(None);
        };
        // On the way back there is nothing more to do, but to look away.
        let knows = matches!(deployment.state, DeploymentState::RollingBack { .. }) && !cancel.abandon;
        Ok((!knows).then_some(DeploymentEvent::CancelRequested {
            by: cancel.by,
            abandon: cancel.abandon,
        }))
    }

    async fn wait_for_needs(&self, deployment: &Deployment) -> Result<Next, StepError> {
        for need in &deployment.needs {
            let Some(DeploymentRecord(other)) = self.deployment(&need.to_string()).await? else {
                return Ok(Next::AfterChange);
            };
            if !other.state.is_ended() {
                return Ok(Next::AfterChange);
            }
            if !other.state.is_good() {
                let why = format!("{} comes first and did not succeed", other.environment_name);
                self.store(deployment, DeploymentEvent::NeedFailed { why }, deployment.fence)
                    .await?;
                return Ok(Next::Again);
            }
        }
        self.store(deployment, DeploymentEvent::NeedsMet, deployment.fence)
            .await?;
        Ok(Next::Again)
    }

    /// Applies an event to the newest state of the deployment and writes it.
    pub(super) async fn store(
        &self,
        deployment: &Deployment,
        event: DeploymentEvent,
        fence: u64,
    ) -> Result<(), StepError> {
        let id = deployment.id.to_string();
        let changed = self
            .records
            .update(&id, |DeploymentRecord(deployment)| {
                deployment.apply(event.clone(), fence, now())
            })
            .await;
        match changed {
            Ok(_) => Ok(()),
            Err(UpdateError::Refused(error)) => Err(StepError::Moved(error)),
            Err(UpdateError::Missing { .. } | UpdateError::Contended { .. }) => Err(StepError::Contended),
            Err(UpdateError::Record(error)) => Err(error.into()),
        }
    }
}
