//! Pre-build: compile in a tool chain, then copy outputs out. The exit code is judged before any output is looked for.

use std::collections::BTreeMap;

use circle_core::plan::{Container, ContainerJob, ImageBuild, Output, PreBuild, Shell};
use circle_core::run::{Failure, StoredOutput};

use crate::build::{build_image, sets_a_command};
use crate::execute::{ContainerSettings, JobPlace, Network, Phase, StageRun, engine_agrees, run_job};
use crate::outputs;

pub(super) async fn run(
    stage: &mut StageRun<'_>,
    how: &PreBuild,
    wanted: &[Output],
) -> Result<Option<StoredOutput>, Failure> {
    let made = match how {
        PreBuild::Container { job } => run_to_the_end(stage, job, true).await?,
        PreBuild::Dockerfile { build } => built(stage, build).await?,
    };
    if wanted.is_empty() {
        return Ok(None);
    }
    stage.clock.enter(Phase::CopyOut);
    let engine = stage.shared.engine.clone();
    let agrees = async {
        if made.has_run {
            engine_agrees(&engine, &made.container).await?;
        }
        Ok(())
    };
    // The engine takes its time to notice the end; what is copied meanwhile counts only when it agrees.
    let (stored, ()) = tokio::try_join!(outputs::copy_out(stage, &made.container, wanted), agrees)?;
    Ok(Some(stored))
}

/// A container that outputs are copied out of.
struct Made {
    container: String,
    has_run: bool,
}

/// Runs a job whose gate said that it succeeded.
async fn run_to_the_end(stage: &mut StageRun<'_>, job: &ContainerJob, sees_checkout: bool) -> Result<Made, Failure> {
    let end = run_job(
        stage,
        job,
        JobPlace {
            network: Network::Bridge,
            sees_checkout,
        },
    )
    .await?;
    match end.failure {
        Some(failure) => Err(failure),
        None => Ok(Made {
            container: end.container,
            has_run: true,
        }),
    }
}

/// Builds the image and gives a container of it: run when the file itself says what to run, else only created.
async fn built(stage: &mut StageRun<'_>, build: &ImageBuild) -> Result<Made, Failure> {
    stage.clock.enter(Phase::Run);
    let image = build_image(stage, build).await?;
    if sets_a_command(stage, build).await? {
        let config = stage.inspect_image(&image.id).await?.config.unwrap_or_default();
        let directory = config
            .working_dir
            .filter(|path| !path.is_empty())
            .unwrap_or_else(|| "/".to_owned());
        let container = Container {
            image: image.id,
            working_dir: Some(directory),
            ..Container::default()
        };
        let job = ContainerJob {
            container,
            commands: Vec::new(),
            finally: Vec::new(),
            shell: Shell::Sh,
            secrets: Vec::new(),
            secret_files: BTreeMap::new(),
            docker: false,
        };
        return run_to_the_end(stage, &job, false).await;
    }
    let plan = Container::default();
    let settings = ContainerSettings {
        plan: &plan,
        image: image.id,
        network: Network::Bridge,
        aliases: Vec::new(),
        mounts: Vec::new(),
        has_secret_files: false,
    };
    let making = stage.making();
    let mut body = making.configuration(settings);
    // Never started; the engine only refuses to create a container that has nothing to run.
    body.cmd = Some(vec!["never-started".to_owned()]);
    let container = making.create(body, &build.dockerfile).await?;
    Ok(Made {
        container,
        has_run: false,
    })
}
