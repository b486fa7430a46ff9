//! Integration: a job beside the services it needs. The job's exit code is the verdict.

use circle_core::plan::{ContainerJob, Sidecar};
use circle_core::run::{Failure, FailureKind};

use crate::execute::{JobPlace, Network, Sidecars, StageRun, run_job, stage_network};

pub(super) async fn run(stage: &mut StageRun<'_>, sidecars: &[Sidecar], job: &ContainerJob) -> Result<(), Failure> {
    let network = stage_network(stage).await?;
    let services = Sidecars::start(stage, sidecars, &network).await?;
    let ready = services.ready(stage).await;
    let result = match ready {
        Ok(()) => {
            let place = JobPlace {
                network: Network::Stage { name: &network },
                sees_checkout: true,
            };
            run_job(stage, job, place).await
        }
        Err(failure) => Err(failure),
    };
    let failure = match result {
        Ok(end) => end.failure,
        Err(failure) => Some(failure),
    };
    let failure = match failure {
        Some(failure) if failure.kind == FailureKind::Command => Some(services.explain(failure).await),
        other => other,
    };
    services.end().await;
    failure.map_or(Ok(()), Err)
}
