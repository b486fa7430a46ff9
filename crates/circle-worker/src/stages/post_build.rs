//! Post-build: a container after the push; `BUILT_IMAGE` is what this run built.

use circle_core::plan::ContainerJob;
use circle_core::run::Failure;

use crate::execute::{JobPlace, Network, StageRun, run_job};

pub(super) async fn run(stage: &mut StageRun<'_>, job: &ContainerJob) -> Result<(), Failure> {
    let end = run_job(
        stage,
        job,
        JobPlace {
            network: Network::Bridge,
            sees_checkout: true,
        },
    )
    .await?;
    end.failure.map_or(Ok(()), Err)
}
