//! Integration: a job beside the services it needs. The job's exit code is the verdict.

use circle_core::plan::{ContainerJob, Sidecar};
use circle_core::run::{Failure, FailureKind};

use crate::execute::{JobEnd, JobPlace, Network, PreparedJob, Sidecars, StageRun, prepare_job, stage_network};

pub(super) async fn run(stage: &mut StageRun<'_>, sidecars: &[Sidecar], job: &ContainerJob) -> Result<(), Failure> {
    let network = stage_network(stage.shared).await?;
    let early = stage.shared.ahead.take(&stage.stage.name).await;
    let (services, prepared) = early.map_or((None, None), |early| (early.sidecars, Some(early.job)));
    let services = match services {
        Some(mut services) => {
            services.listen(&stage.log);
            services
        }
        None => Sidecars::start(stage, sidecars, &network).await?,
    };
    let failure = match beside(stage, &services, prepared, job, &network).await {
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

/// The job's container starts while the services get ready; its gate is opened when they are.
async fn beside(
    stage: &mut StageRun<'_>,
    services: &Sidecars,
    prepared: Option<PreparedJob>,
    job: &ContainerJob,
    network: &str,
) -> Result<JobEnd, Failure> {
    let place = JobPlace {
        network: Network::Stage { name: network },
        sees_checkout: true,
    };
    let mut prepared = match prepared {
        Some(prepared) => prepared,
        None => prepare_job(stage, job, place).await?,
    };
    tokio::try_join!(services.ready(stage), prepared.start(&stage.shared.engine))?;
    prepared.run(stage, job).await
}
