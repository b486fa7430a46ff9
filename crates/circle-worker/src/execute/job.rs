//! A container that runs commands of the file behind a gate.

use std::collections::BTreeMap;
use std::time::Duration;

use bollard::models::Mount;
use bollard::query_parameters::{InspectContainerOptions, StartContainerOptions, WaitContainerOptions};
use circle_cell::Exit;
use circle_cell::gate::{self, GateChannel, GateError, GateEvent, List, Orders, Stream, Work};
use circle_core::plan::{ContainerJob, SecretUser, Shell};
use circle_core::run::{Failure, FailureKind, binary};
use futures_util::StreamExt;

use super::container::{WORKSPACE, bind, bind_later, no_health_check};
use super::context::{StageRun, cell_failure};
use super::log::{Group, LogStream};
use super::making::Making;
use super::own::own_view;
use super::scene::Scene;
use super::{ContainerSettings, Network, Phase};
use crate::engine::{Engine, start_failure};
use crate::filter::{DOCKER_SOCKET, DockerSocket, RYUK_VARIABLE};

/// How long the engine may take to notice the end of a container whose gate has said its last word.
const ENGINE_NOTICE: Duration = Duration::from_secs(10);

/// How a job ended.
#[derive(Debug)]
pub(crate) struct JobEnd {
    /// The container, still there.
    pub(crate) container: String,
    /// `None` = it succeeded.
    pub(crate) failure: Option<Failure>,
}

/// Where a job runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JobPlace<'a> {
    pub(crate) network: Network<'a>,
    /// Whether it sees the checkout at `/workspace`; an image built by a Dockerfile of its own does not.
    pub(crate) sees_checkout: bool,
}

/// A job's container, created and perhaps started, whose gate has no orders yet.
#[derive(Debug)]
pub(crate) struct PreparedJob {
    container: String,
    channel: GateChannel,
    image: String,
    network: String,
    checkout: Checkout,
    docker: Option<DockerSocket>,
    is_started: bool,
}

/// The checkout in a job's container.
#[derive(Debug)]
enum Checkout {
    /// It sees none.
    None,
    /// The view is mounted here.
    Mounted(String),
    /// The view of this name will be mounted at the place that the container shows.
    Awaited(String),
}

/// Runs a job in its container and tells its log. Whoever reads the container afterwards waits for the engine first.
pub(crate) async fn run_job(
    stage: &mut StageRun<'_>,
    job: &ContainerJob,
    place: JobPlace<'_>,
) -> Result<JobEnd, Failure> {
    let early = stage.shared.ahead.take(&stage.stage.name).await.map(|early| early.job);
    let mut prepared = match early {
        Some(early) => early,
        None => prepare_job(stage, job, place).await?,
    };
    prepared.start(&stage.shared.engine).await?;
    prepared.run(stage, job).await
}

/// Creates a job's container on a fresh view, and nothing more.
pub(crate) async fn prepare_job(
    stage: &mut StageRun<'_>,
    job: &ContainerJob,
    place: JobPlace<'_>,
) -> Result<PreparedJob, Failure> {
    let image = stage.image(&job.container).await?;
    let view = if place.sees_checkout {
        Some(stage.view().await?.inside().display().to_string())
    } else {
        None
    };
    let mut mounts: Vec<Mount> = view.iter().map(|view| bind(view, WORKSPACE, false)).collect();
    mounts.extend(stage.folders(&job.container, view.as_deref()).await?);
    let checkout = view.map_or(Checkout::None, Checkout::Mounted);
    prepare(&stage.making(), job, (image, place.network, mounts, checkout)).await
}

/// Starts the container of a job that sees the checkout before its stage's turn; `None` where cells cannot do that.
pub(super) async fn prepare_early(
    making: &Making<'_>,
    job: &ContainerJob,
    network: Network<'_>,
) -> Result<Option<PreparedJob>, Failure> {
    let name = making.shared.fresh_name(&format!("view-{}", making.stage.name));
    let place = making
        .shared
        .cell
        .new_view_place(&name)
        .map_err(cell_failure("the place of the stage's view"))?;
    let Some(place) = place else { return Ok(None) };
    let image = making.shared.images.id(&job.container.image).await?;
    let mounts = vec![bind_later(&place.inside().display().to_string(), WORKSPACE)];
    let parts = (image, network, mounts, Checkout::Awaited(name));
    let mut prepared = prepare(making, job, parts).await?;
    prepared.start(&making.shared.engine).await?;
    Ok(Some(prepared))
}

async fn prepare(
    making: &Making<'_>,
    job: &ContainerJob,
    (image, network, mut mounts, checkout): (String, Network<'_>, Vec<Mount>, Checkout),
) -> Result<PreparedJob, Failure> {
    let shared = making.shared;
    let channel = making.gate(&mut mounts).await?;
    let docker = if job.docker {
        let socket = DockerSocket::open(shared, &making.stage.name).await?;
        mounts.push(bind(socket.inside(), DOCKER_SOCKET, false));
        Some(socket)
    } else {
        None
    };
    let mut body = making.configuration(ContainerSettings {
        plan: &job.container,
        image: image.clone(),
        network,
        aliases: Vec::new(),
        mounts,
        has_secret_files: !job.secret_files.is_empty(),
    });
    let network = match network {
        Network::Bridge => "bridge",
        Network::Stage { name } => name,
    };
    body.entrypoint = Some(vec![gate::ENTRYPOINT.to_owned()]);
    body.cmd = Some(Vec::new());
    body.healthcheck = Some(no_health_check());
    // The folder in which the engine starts the gate; the gate itself goes where the orders say.
    body.working_dir = Some("/".to_owned());
    let container = making.create(body, &job.container.image).await?;
    Ok(PreparedJob {
        container,
        channel,
        image,
        network: network.to_owned(),
        checkout,
        docker,
        is_started: false,
    })
}

impl PreparedJob {
    /// Starts the container, unless it was started early: its gate waits for orders.
    pub(crate) async fn start(&mut self, engine: &Engine) -> Result<(), Failure> {
        if self.is_started {
            return Ok(());
        }
        let started = engine
            .docker
            .start_container(&self.container, None::<StartContainerOptions>)
            .await;
        started.map_err(|error| start_failure("the job's container could not be started", &error))?;
        self.is_started = true;
        Ok(())
    }

    /// Opens the gate of the started container, and tells the log until the end.
    pub(crate) async fn run(mut self, stage: &mut StageRun<'_>, job: &ContainerJob) -> Result<JobEnd, Failure> {
        let view = match &self.checkout {
            Checkout::None => None,
            Checkout::Mounted(view) => Some(view.clone()),
            Checkout::Awaited(name) => Some(stage.view_at(name).await?.inside().display().to_string()),
        };
        if let Some(view) = &view {
            own_view(stage, job, (&self.container, &self.image), view).await?;
        }
        let orders = orders(stage, job, &self.image).await?;
        if stage.shared.assignment.hold {
            stage.shared.scene.set(self.scene(stage, job, view.clone(), &orders));
        }
        self.channel.open(&orders).await.map_err(gate_failure)?;
        stage.clock.enter(Phase::Run);
        let (container, own) = (self.container, job.container.resources.memory_bytes);
        let following = follow(stage, &mut self.channel, &container, &job.commands, &job.finally);
        let told = match &self.docker {
            None => following.await?,
            Some(socket) => tokio::select! {
                told = following => told?,
                never = socket.serve(stage.shared, view.as_deref()) => match never {},
            },
        };
        if let Some(socket) = self.docker {
            socket.close(stage.shared).await;
        }
        let failure = match told.verdict {
            Some(Ok(Exit::Code(0))) => None,
            Some(Ok(exit)) => Some(command_failure(stage, (&container, own), exit, told.last_command).await),
            Some(Err(reason)) => Some(Failure::new(
                FailureKind::Command,
                format!("the commands could not be started: {reason}"),
            )),
            None => Some(cut_failure(stage, &container, own).await),
        };
        Ok(JobEnd { container, failure })
    }
}

impl PreparedJob {
    /// Where the job is, for whoever looks at its failure: everything but its secrets.
    fn scene(&self, stage: &StageRun<'_>, job: &ContainerJob, view: Option<String>, orders: &Orders) -> Scene {
        let open = orders
            .environment
            .iter()
            .filter(|(name, _)| !job.secrets.contains(name));
        Scene {
            stage: stage.stage.name.clone(),
            container: self.container.clone(),
            image: job.container.image.clone(),
            view,
            network: self.network.clone(),
            user: job.container.user.clone(),
            directory: orders.directory.clone(),
            environment: open.map(|(name, value)| format!("{name}={value}")).collect(),
            shell: job.shell,
        }
    }
}

/// What the gate told.
#[derive(Debug, Default)]
struct Told {
    /// `None` = the gate was cut off before it gave one.
    verdict: Option<Result<Exit, String>>,
    /// The last command of the main list that failed.
    last_command: Option<String>,
}

async fn orders(stage: &StageRun<'_>, job: &ContainerJob, image: &str) -> Result<Orders, Failure> {
    let mut environment: BTreeMap<String, String> = stage.surrounding_variables().into_iter().collect();
    environment.extend(stage.variables());
    if job.docker {
        let (name, value) = RYUK_VARIABLE;
        environment.insert(name.to_owned(), value.to_owned());
    }
    for (name, value) in &job.container.environment {
        let value = stage.expand(&format!("the variable {name}"), value)?;
        environment.insert(name.clone(), value);
    }
    let making = stage.making();
    let secrets = making.delivered(SecretUser::Job(job))?;
    environment.extend(secrets.environment);
    let work = if job.commands.is_empty() {
        Work::Program(making.own_command(&job.container, image).await?)
    } else {
        Work::Commands {
            shell: shell(job.shell),
            commands: job.commands.clone(),
        }
    };
    let directory = job
        .container
        .working_dir
        .clone()
        .unwrap_or_else(|| WORKSPACE.to_owned());
    let environment = environment.into_iter().collect();
    Ok(Orders {
        directory,
        workspace: WORKSPACE.to_owned(),
        environment,
        files: secrets.files,
        work,
        finally: job.finally.clone(),
    })
}

/// Tells the log what the gate says, until its last word or the container's end.
async fn follow(
    stage: &StageRun<'_>,
    channel: &mut GateChannel,
    container: &str,
    commands: &[String],
    finally: &[String],
) -> Result<Told, Failure> {
    let mut told = Told::default();
    let mut streams = [stage.log.job_stream(), stage.log.job_stream()];
    let mut group: Option<Group> = None;
    let mut ended = std::pin::pin!(wait(&stage.shared.engine, container));
    let mut is_ended = false;
    loop {
        let event = tokio::select! {
            biased;
            event = channel.next() => event,
            _ = &mut ended, if !is_ended => {
                is_ended = true;
                channel.container_ended();
                continue;
            }
        };
        match event {
            None | Some(Ok(GateEvent::Closed) | Err(GateError::Cut)) => break,
            Some(Err(error)) => return Err(gate_failure(error)),
            Some(Ok(GateEvent::Output { stream, bytes })) => write(&mut streams, stream, &bytes).await,
            Some(Ok(GateEvent::CommandBegin { list, index })) => {
                group = Some(stage.log.begin(title(list, index, commands, finally)).await);
            }
            Some(Ok(GateEvent::CommandEnd {
                list,
                index,
                exit_code,
                duration,
            })) => {
                if exit_code != 0 {
                    stage.counted.look(stage.shared.cell, container);
                }
                if let Some(group) = group.take() {
                    stage.log.end(group, Some(i64::from(exit_code)), Some(duration)).await;
                }
                if list == List::Main && exit_code != 0 {
                    told.last_command = Some(title(list, index, commands, finally).to_owned());
                }
            }
            Some(Ok(GateEvent::Finished { exit })) => {
                if exit != Exit::Code(0) {
                    stage.counted.look(stage.shared.cell, container);
                }
                told.verdict = Some(Ok(exit));
            }
            Some(Ok(GateEvent::Failed { reason })) => told.verdict = Some(Err(reason)),
            Some(Ok(GateEvent::Waiting)) => {}
        }
    }
    for stream in streams {
        stream.finish().await;
    }
    if let Some(group) = group {
        stage.log.end(group, None, None).await;
    }
    Ok(told)
}

async fn write(streams: &mut [LogStream; 2], stream: Stream, bytes: &[u8]) {
    let [out, errors] = streams;
    match stream {
        Stream::Stdout => out.write(bytes).await,
        Stream::Stderr => errors.write(bytes).await,
    }
}

fn title<'a>(list: List, index: u32, commands: &'a [String], finally: &'a [String]) -> &'a str {
    let list = match list {
        List::Main => commands,
        List::Finally => finally,
    };
    usize::try_from(index)
        .ok()
        .and_then(|at| list.get(at))
        .map_or("(image's own command)", String::as_str)
}

/// Waits until the engine says that the container ended, and gives the code that it says; `None` when it cannot say.
async fn wait(engine: &Engine, container: &str) -> Option<i64> {
    let mut waiting = engine.docker.wait_container(container, None::<WaitContainerOptions>);
    match waiting.next().await {
        Some(Ok(end)) => Some(end.status_code),
        Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => Some(code),
        Some(Err(_)) | None => None,
    }
}

/// Waits until the engine too knows that a job succeeded, so that what is read of its container is believed.
///
/// # Errors
/// When the engine does not notice, or knows another code than the gate told: then neither is believed.
pub(crate) async fn engine_agrees(engine: &Engine, container: &str) -> Result<(), Failure> {
    let said = match tokio::time::timeout(ENGINE_NOTICE, wait(engine, container)).await {
        Ok(Some(0)) => return Ok(()),
        Ok(Some(code)) => {
            format!("the commands succeeded, but the engine says that their container exited with {code}")
        }
        Ok(None) => "the engine does not know how the job's container ended".to_owned(),
        Err(_) => "the engine did not notice within 10 s that the job's container ended".to_owned(),
    };
    Err(Failure::new(FailureKind::Infrastructure, said))
}

/// `own` is the bound on the container's own memory; what all containers together may use is the cell's affair.
async fn command_failure(
    stage: &StageRun<'_>,
    (container, own): (&str, Option<u64>),
    exit: Exit,
    command: Option<String>,
) -> Failure {
    let own = own.filter(|_| stage.counted.own_memory_killed(stage.shared.cell, container));
    let what = match command.as_deref().and_then(|text| text.lines().next()) {
        Some(line) => format!("`{}`", line.chars().take(120).collect::<String>()),
        None => "the stage's command".to_owned(),
    };
    let (message, code) = match exit {
        Exit::Code(code) => (format!("{what} exited with code {code}"), i64::from(code)),
        Exit::Signal(signal) => (format!("{what} was ended by signal {signal}"), 128 + i64::from(signal)),
    };
    if let Some(own) = own {
        let message = format!("{message}; a process of it was killed: its container {}", used_up(own));
        return Failure {
            exit_code: Some(code),
            ..Failure::new(FailureKind::Bound, message)
        };
    }
    Failure {
        exit_code: Some(code),
        ..Failure::new(FailureKind::Command, message)
    }
}

/// The gate was cut off: somebody killed the container, or its first process.
async fn cut_failure(stage: &StageRun<'_>, container: &str, own: Option<u64>) -> Failure {
    if let Some(own) = own
        && was_out_of_memory(stage, container).await
    {
        return Failure::new(FailureKind::Bound, format!("the job was killed: it {}", used_up(own)));
    }
    let state = stage
        .shared
        .engine
        .docker
        .inspect_container(container, None::<InspectContainerOptions>)
        .await;
    let state = state.ok().and_then(|container| container.state).unwrap_or_default();
    let code = state.exit_code.unwrap_or_default();
    let why = state
        .error
        .filter(|text| !text.is_empty())
        .map(|text| format!(": {text}"))
        .unwrap_or_default();
    let message = format!("the job's container ended with code {code} before its commands did{why}");
    Failure {
        exit_code: Some(code),
        ..Failure::new(FailureKind::Command, message)
    }
}

fn used_up(own: u64) -> String {
    format!("used more memory than the {} of its resources.memory", binary(own))
}

async fn was_out_of_memory(stage: &StageRun<'_>, container: &str) -> bool {
    // The engine learns of it a moment after the process is dead.
    let _ = tokio::time::timeout(ENGINE_NOTICE, wait(&stage.shared.engine, container)).await;
    let inspected = stage
        .shared
        .engine
        .docker
        .inspect_container(container, None::<InspectContainerOptions>)
        .await;
    inspected
        .ok()
        .and_then(|container| container.state)
        .and_then(|state| state.oom_killed)
        .unwrap_or(false)
}

fn shell(shell: Shell) -> gate::Shell {
    match shell {
        Shell::Sh => gate::Shell::Sh,
        Shell::Bash => gate::Shell::Bash,
    }
}

pub(super) fn gate_failure(error: GateError) -> Failure {
    let kind = if matches!(error, GateError::TooLarge { .. }) {
        FailureKind::Bound
    } else {
        FailureKind::Infrastructure
    };
    Failure::new(kind, error.to_string())
}
