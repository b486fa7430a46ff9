//! Looking at the target, and doing what the decision says.

use std::sync::Arc;
use std::time::Duration;

use circle_core::deployment::{
    Call, Decision, Deployment, DeploymentEvent, Observation, Reason, ReasonKind, Seen, Snapshot,
};
use secrecy::ExposeSecret;

use super::drive::{Next, StepError};
use super::engine::Deployer;
use super::port::{Change, Creation, Restoration, Sight, Sighting, Target, TargetError};
use super::{credentials, seal};
use crate::time::now;

/// One call of a target; longer, and it counts as unreachable.
const CALL_LIMIT: Duration = Duration::from_secs(30);

impl Deployer {
    /// One look, one decision, one deed.
    pub(super) async fn look(&self, deployment: &Deployment, fence: u64) -> Result<Next, StepError> {
        if let Some(pause) = silence(deployment) {
            return Ok(Next::After(pause));
        }
        let target = match self.target_of(deployment).await? {
            Ok(target) => target,
            Err(error) => return self.take(deployment, fence, unreachable(&error), None).await,
        };
        let (observation, spec) = observe(target.as_ref(), deployment).await;
        let recorded = self.recorded(deployment).await?;
        match deployment.decide(&observation, recorded.as_ref(), now()) {
            Decision::Wait { ms } => Ok(Next::After(Duration::from_millis(ms))),
            Decision::Take(DeploymentEvent::RolledOut) => {
                if let Some(found) = self.tell_address(deployment).await {
                    self.store(deployment, found, fence).await?;
                }
                self.take(deployment, fence, DeploymentEvent::RolledOut, spec).await
            }
            Decision::Take(event) => self.take(deployment, fence, event, spec).await,
            Decision::Call(call) => self.call(deployment, fence, (target, call)).await,
        }
    }

    /// Writes the event; before one that ends the deployment, what is learnt of the workload.
    pub(super) async fn take(
        &self,
        deployment: &Deployment,
        fence: u64,
        event: DeploymentEvent,
        spec: Option<String>,
    ) -> Result<Next, StepError> {
        let event = self.with_sealed(deployment, event, spec.as_deref())?;
        let mut after = deployment.clone();
        after.apply(event.clone(), fence, now())?;
        self.learn(deployment, &after).await?;
        self.store(deployment, event, fence).await?;
        Ok(Next::Again)
    }

    async fn call(
        &self,
        deployment: &Deployment,
        fence: u64,
        (target, call): (Arc<dyn Target>, Call),
    ) -> Result<Next, StepError> {
        let answer = match tokio::time::timeout(CALL_LIMIT, self.write(deployment, target.as_ref(), &call)).await {
            Ok(answer) => answer?,
            Err(_) => Err(TargetError::Unreachable {
                why: format!("no answer within {} s", CALL_LIMIT.as_secs()),
            }),
        };
        let event = match answer {
            // The next look shows it; so it is the same way as after a crash.
            Ok(()) => return Ok(Next::Again),
            Err(TargetError::Conflict) => return Ok(Next::After(Duration::from_millis(100))),
            Err(TargetError::Refused { why }) if call == Call::Create || matches!(call, Call::Apply { .. }) => {
                DeploymentEvent::Refused {
                    reason: Reason::new(ReasonKind::Refused, why),
                }
            }
            Err(TargetError::Refused { why }) => DeploymentEvent::BackFailed { why },
            Err(error) => unreachable(&error),
        };
        self.take(deployment, fence, event, None).await
    }

    async fn write(
        &self,
        deployment: &Deployment,
        target: &dyn Target,
        call: &Call,
    ) -> Result<Result<(), TargetError>, StepError> {
        let (mark, run, image) = (
            deployment.id.to_string(),
            deployment.run.to_string(),
            deployment.desired.reference(),
        );
        let login = credentials::login(self, deployment, &image).await?;
        let (workload, login) = (deployment.workload.as_str(), login.as_ref());
        tracing::info!(deployment = %deployment.id, run = %deployment.run, workload, ?call, "a target is changed");
        Ok(match call {
            Call::Create => match &deployment.create {
                Some(how) => {
                    target
                        .create(&Creation {
                            workload,
                            how,
                            image: &image,
                            mark: &mark,
                            run: &run,
                            login,
                        })
                        .await
                }
                None => Err(TargetError::Refused {
                    why: "nothing says how the workload is created".into(),
                }),
            },
            Call::Apply { token } => {
                target
                    .apply(&Change {
                        workload,
                        token,
                        image: &image,
                        mark: &mark,
                        run: &run,
                        login,
                    })
                    .await
            }
            Call::Revert { token } => {
                let Some(previous) = &deployment.previous else {
                    return Ok(Err(TargetError::Refused {
                        why: "no version is recorded".into(),
                    }));
                };
                let spec = seal::open(&self.vault, deployment, &previous.sealed_spec)?;
                let login = credentials::login(self, deployment, &previous.image).await?;
                let wish = Restoration {
                    workload,
                    token,
                    spec: spec.expose_secret(),
                    login: login.as_ref(),
                };
                target.revert(&wish).await
            }
        })
    }

    /// Snapshots are stored with their specification, sealed.
    fn with_sealed(
        &self,
        deployment: &Deployment,
        event: DeploymentEvent,
        spec: Option<&str>,
    ) -> Result<DeploymentEvent, StepError> {
        let DeploymentEvent::Intended { before, previous } = event else {
            return Ok(event);
        };
        let fill = |snapshot: Option<Snapshot>| match (snapshot, spec) {
            (Some(snapshot), Some(spec)) if snapshot.sealed_spec.is_empty() => {
                let sealed_spec = seal::seal(&self.vault, deployment, spec)?;
                Ok::<_, StepError>(Some(Snapshot {
                    sealed_spec,
                    ..snapshot
                }))
            }
            (snapshot, _) => Ok(snapshot),
        };
        // What was there is compared by its hash; only what is gone back to is needed as a whole.
        Ok(DeploymentEvent::Intended {
            before,
            previous: fill(previous)?,
        })
    }
}

/// One look, as the decision wants it, with the specification beside it.
pub(super) async fn observe(target: &dyn Target, deployment: &Deployment) -> (Observation, Option<String>) {
    let looked = tokio::time::timeout(CALL_LIMIT, target.observe(&deployment.workload)).await;
    match looked {
        Ok(Ok(Sight::Absent)) => (Observation::Absent, None),
        Ok(Ok(Sight::Present(sighting))) => {
            let Sighting {
                image,
                digest,
                token,
                spec,
                mark,
                rollout,
            } = sighting;
            let snapshot = Snapshot {
                image,
                digest,
                token,
                spec_hash: seal::hash(&spec),
                sealed_spec: String::new(),
            };
            (
                Observation::Present(Seen {
                    snapshot,
                    mark,
                    rollout,
                }),
                Some(spec),
            )
        }
        Ok(Err(error)) => (Observation::Unreachable { why: error.to_string() }, None),
        Err(_) => (
            Observation::Unreachable {
                why: format!("no answer within {} s", CALL_LIMIT.as_secs()),
            },
            None,
        ),
    }
}

fn unreachable(error: &TargetError) -> DeploymentEvent {
    DeploymentEvent::Unreachable { why: error.to_string() }
}

/// How long a silent target is left alone.
fn silence(deployment: &Deployment) -> Option<Duration> {
    let wait = deployment.trouble.as_ref()?.next_at.duration_since(now());
    Duration::try_from(wait).ok().filter(|wait| !wait.is_zero())
}
