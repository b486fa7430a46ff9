//! Runs in `deploying`: their deployments are written down, and when all have ended, so has the run.

use circle_core::deployment::{Blocked, Deployment, plan_deployments, run_verdict};
use circle_core::environment::Environment;
use circle_core::run::{Failure, FailureKind, Run, RunEvent, RunState, Verdict};
use circle_store::records::kinds::ENVIRONMENT_NAME;
use circle_store::records::{Query, RecordError, StoreError, UpdateError};

use super::engine::Deployer;
use crate::records::{DeploymentRecord, EnvironmentRecord, RunRecord};
use crate::time::now;

impl Deployer {
    /// Plans a run that has no deployments yet, or ends one whose deployments have ended.
    pub(super) async fn advance_run(&self, id: &str) -> Result<(), RecordError> {
        let Some((RunRecord(run), _)) = self.records.load::<RunRecord>(id).await? else {
            return Ok(());
        };
        if !matches!(run.state, RunState::Deploying { .. }) {
            return Ok(());
        }
        if run.deployments.is_empty() {
            self.plan(&run).await
        } else {
            self.settle(&run).await
        }
    }

    async fn plan(&self, run: &Run) -> Result<(), RecordError> {
        if let Some(cancel) = &run.cancel {
            let verdict = Verdict::Cancelled {
                cause: cancel.cause,
                by: cancel.by.clone(),
            };
            return self.change_run(run, RunEvent::Deployed { verdict }).await;
        }
        let mut environments = Vec::new();
        for step in run.plan.iter().flat_map(|plan| &plan.deploys) {
            environments.extend(self.environment(run, &step.environment).await?);
        }
        match plan_deployments(run, &environments, now()) {
            Ok(planned) => self.write_down(run, planned).await,
            Err(blocked) => {
                let kind = match blocked {
                    Blocked::Refused(_) => FailureKind::Refused,
                    _ => FailureKind::Deploy,
                };
                let verdict = Verdict::Failed {
                    failure: Failure::new(kind, blocked.to_string()),
                };
                self.change_run(run, RunEvent::Deployed { verdict }).await
            }
        }
    }

    /// The deployments first, then the run that names them: a crash between makes the same ones again.
    async fn write_down(&self, run: &Run, planned: Vec<Deployment>) -> Result<(), RecordError> {
        let ids = planned.iter().map(|deployment| deployment.id).collect();
        for deployment in planned {
            match self.records.insert(&DeploymentRecord(deployment)).await {
                Ok(_) | Err(RecordError::Store(StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        self.change_run(run, RunEvent::DeploysPlanned { deployments: ids })
            .await
    }

    async fn settle(&self, run: &Run) -> Result<(), RecordError> {
        let mut deployments = Vec::with_capacity(run.deployments.len());
        for id in &run.deployments {
            deployments.extend(self.deployment(&id.to_string()).await?.map(|record| record.0));
        }
        if deployments.len() < run.deployments.len() {
            tracing::error!(run = %run.id, "a deployment of the run is not in the store");
            return Ok(());
        }
        match run_verdict(&deployments, run.cancel.as_ref()) {
            Some(verdict) => self.change_run(run, RunEvent::Deployed { verdict }).await,
            None => Ok(()),
        }
    }

    async fn environment(&self, run: &Run, name: &str) -> Result<Option<Environment>, RecordError> {
        let query = Query::over(ENVIRONMENT_NAME)
            .equal(run.workspace.to_string())
            .equal(name);
        let found = self.records.load_by::<EnvironmentRecord>(query).await?;
        Ok(found.map(|(record, _)| record.0))
    }

    async fn change_run(&self, run: &Run, event: RunEvent) -> Result<(), RecordError> {
        let id = run.id.to_string();
        let changed = self
            .records
            .update(&id, |RunRecord(run)| run.apply(event.clone(), now()))
            .await;
        match changed {
            Ok(updated) => {
                let RunRecord(run) = updated.record;
                (self.tell)(run, updated.version).await;
                Ok(())
            }
            // Somebody ended it meanwhile.
            Err(UpdateError::Refused(_) | UpdateError::Missing { .. } | UpdateError::Contended { .. }) => Ok(()),
            Err(UpdateError::Record(error)) => Err(error),
        }
    }
}
