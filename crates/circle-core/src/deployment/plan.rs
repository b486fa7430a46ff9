//! From a run whose stages succeeded to its deployments.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::identity::{deployment_id, lock_key};
use super::record::{Deployment, Desired};
use super::state::DeploymentState;
use crate::environment::{Environment, Refusal};
use crate::ids::DeploymentId;
use crate::plan::DeployStep;
use crate::run::Run;

/// Why a run may not deploy, or cannot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// The environment's rules.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such environment.
    #[error(
        "there is no environment {environment}: make it with `circle environment add`, or name another in the file"
    )]
    UnknownEnvironment { environment: String },
    /// Nothing to deploy.
    #[error(
        "no image \"{image}\" was pushed, so nothing can be deployed to {environment}: does the file have a push stage?"
    )]
    NotPushed { image: String, environment: String },
    /// An order that cannot be.
    #[error("the deployment to {environment} needs {needed}, which this run does not deploy to")]
    UnknownNeed { environment: String, needed: String },
}

/// Deployments in the order of the plan.
pub type Planned = Vec<Deployment>;

/// Makes the deployments of a run; the same ones whenever it is called. All or none: a refusal of one environment stops
/// all, before anything is touched.
///
/// # Errors
/// [`Blocked`] with the sentence that a person is shown.
pub fn plan_deployments(run: &Run, environments: &[Environment], now: Timestamp) -> Result<Planned, Blocked> {
    let steps = run.plan.as_ref().map_or(&[][..], |plan| &plan.deploys);
    let mut planned = Planned::new();
    for step in steps {
        let environment = environments
            .iter()
            .find(|environment| environment.name.as_str() == step.environment)
            .ok_or_else(|| Blocked::UnknownEnvironment {
                environment: step.environment.clone(),
            })?;
        planned.push(plan_one(run, step, environment, now)?);
    }
    let ids: BTreeMap<&str, DeploymentId> = steps
        .iter()
        .zip(&planned)
        .map(|(step, deployment)| (step.environment.as_str(), deployment.id))
        .collect();
    for (step, deployment) in steps.iter().zip(&mut planned) {
        for needed in &step.needs {
            let unknown = || Blocked::UnknownNeed {
                environment: step.environment.clone(),
                needed: needed.clone(),
            };
            deployment.needs.push(*ids.get(needed.as_str()).ok_or_else(unknown)?);
        }
    }
    Ok(planned)
}

fn plan_one(run: &Run, step: &DeployStep, environment: &Environment, now: Timestamp) -> Result<Deployment, Blocked> {
    let workload = environment.admits(&run.trigger, run.service)?;
    Ok(Deployment {
        id: deployment_id(run.id, environment.id, &step.image),
        workspace: run.workspace,
        run: run.id,
        run_number: run.number,
        service: run.service,
        service_name: run.service_name.clone(),
        environment: environment.id,
        environment_name: environment.name.clone(),
        target: environment.target,
        workload: workload.name.clone(),
        lock: lock_key(environment.target, &workload.name),
        desired: pushed(run, step)?,
        create: workload.create.clone(),
        needs: Vec::new(),
        verify: step.verify.clone(),
        bound_url: workload.url.clone(),
        url: workload.url.clone(),
        deadline_s: environment.deadline_s,
        stabilise_s: environment.stabilise_s,
        state: DeploymentState::Waiting { since: now },
        before: None,
        previous: None,
        fence: 0,
        trouble: None,
        notes: Vec::new(),
        created_at: now,
        updated_at: now,
    })
}

/// The image of a step, as it was pushed.
fn pushed(run: &Run, step: &DeployStep) -> Result<Desired, Blocked> {
    let image = run.images.iter().find(|image| image.name == step.image);
    let desired = image.and_then(|image| {
        Some(Desired {
            repository: image.repository.clone()?,
            digest: image.digest.clone()?,
        })
    });
    desired.ok_or_else(|| Blocked::NotPushed {
        image: step.image.clone(),
        environment: step.environment.clone(),
    })
}
