//! What is learnt of a workload when a deployment ends: written before the end is, so that a crash between loses nothing.

use std::sync::Arc;

use circle_core::deployment::{Deployment, DeploymentState, Observation, Snapshot, WorkloadState};
use circle_core::environment::TargetKind;
use circle_store::records::{RecordError, StoreError, UpdateError};
use secrecy::SecretString;

use super::drive::StepError;
use super::engine::Deployer;
use super::look::observe;
use super::port::{Target, TargetError};
use super::record::WorkloadRecord;
use super::{credentials, seal};
use crate::records::TargetRecord;
use crate::time::now;

impl Deployer {
    /// Remembers the good version, or the one that was rolled back.
    pub(super) async fn learn(&self, before: &Deployment, after: &Deployment) -> Result<(), StepError> {
        match after.state {
            DeploymentState::Succeeded { .. } | DeploymentState::Unchanged { .. } => self.remember_good(before).await,
            DeploymentState::RolledBack { .. } => {
                self.change_workload(before, |known| known.quarantine(after, now()))
                    .await
            }
            _ => Ok(()),
        }
    }

    /// The last version of the workload that was seen healthy.
    pub(super) async fn recorded(&self, deployment: &Deployment) -> Result<Option<Snapshot>, StepError> {
        let known = self.records.load::<WorkloadRecord>(&deployment.lock).await?;
        Ok(known
            .and_then(|(WorkloadRecord(known), _)| known.good)
            .map(|good| good.snapshot))
    }

    /// The adapter of the deployment's target; the inner error says why there is none now.
    pub(super) async fn target_of(
        &self,
        deployment: &Deployment,
    ) -> Result<Result<Arc<dyn Target>, TargetError>, StepError> {
        let Some((TargetRecord(target), _)) = self
            .records
            .load::<TargetRecord>(&deployment.target.to_string())
            .await?
        else {
            return Ok(Err(TargetError::Unreachable {
                why: "the target was removed from Circle".into(),
            }));
        };
        let TargetKind::Swarm { tls, .. } = &target.kind;
        let bundle: Option<SecretString> = match tls {
            Some(id) => Some(credentials::open_secret(self, *id).await?),
            None => None,
        };
        Ok((self.connect)(target, bundle).await)
    }

    async fn remember_good(&self, deployment: &Deployment) -> Result<(), StepError> {
        let Ok(target) = self.target_of(deployment).await? else {
            return Ok(());
        };
        let (observation, spec) = observe(target.as_ref(), deployment).await;
        let (Observation::Present(seen), Some(spec)) = (observation, spec) else {
            return Ok(());
        };
        if seen.snapshot.digest.as_ref() != Some(&deployment.desired.digest) {
            return Ok(());
        }
        let sealed_spec = seal::seal(&self.vault, deployment, &spec)?;
        let snapshot = Snapshot {
            sealed_spec,
            ..seen.snapshot
        };
        self.change_workload(deployment, |known| known.serves(deployment, snapshot.clone(), now()))
            .await
    }

    async fn change_workload(
        &self,
        deployment: &Deployment,
        change: impl Fn(&mut WorkloadState),
    ) -> Result<(), StepError> {
        if self.records.load::<WorkloadRecord>(&deployment.lock).await?.is_none() {
            match self
                .records
                .insert(&WorkloadRecord(WorkloadState::new(deployment, now())))
                .await
            {
                Ok(_) | Err(RecordError::Store(StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let changed = self.records.update(&deployment.lock, |WorkloadRecord(known)| {
            change(known);
            Ok::<(), std::convert::Infallible>(())
        });
        match changed.await {
            Ok(_) => Ok(()),
            Err(UpdateError::Record(error)) => Err(error.into()),
            Err(_) => Err(StepError::Contended),
        }
    }
}
