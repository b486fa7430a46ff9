//! A shell in a held cell: the failed container's files and checkout, its user and environment, without secrets.
//!
//! The container itself has ended, since its gate was its first process. So what it left is made an image, which dies with
//! the cell, and the shell runs in a container of that.

use bollard::container::AttachContainerResults;
use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptions, RemoveContainerOptionsBuilder, StartContainerOptions,
    WaitContainerOptions,
};
use bytes::Bytes;
use circle_api::client::{ShellEvent, ShellSocket};
use circle_api::shell::{MAX_MESSAGE_BYTES, ShellMessage};
use circle_cell::Cell;
use circle_core::plan::Shell;
use circle_core::run::Failure;
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::container::{WORKSPACE, bind};
use super::images::encoded;
use super::scene::Scene;
use crate::engine::{Engine, engine_failure, start_failure};

/// What the terminal is, for programs.
const TERMINAL: &str = "TERM=xterm-256color";

/// A shell that is over, whose end nobody was told yet.
#[derive(Debug)]
pub(crate) struct EndedShell {
    /// The shell's own, when it ended by itself.
    pub(crate) exit_code: Option<i64>,
    engine: Engine,
    container: String,
}

impl EndedShell {
    /// Removes its container; otherwise that ends with the cell.
    pub(crate) async fn remove(self) {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        let _ = self
            .engine
            .docker
            .remove_container(&self.container, Some(options))
            .await;
    }
}

/// Serves one shell until either side ends it, or its cell does; how it ended is left to be told, and the socket to be closed.
///
/// # Errors
/// When it could not be started; nothing was said then.
pub(crate) async fn serve_shell(cell: &Cell, scene: &Scene, socket: &mut ShellSocket) -> Result<EndedShell, Failure> {
    let (engine, container, attached) = open(cell, scene).await?;
    let opened = ShellMessage::Opened {
        stage: scene.stage.clone(),
        image: scene.image.clone(),
    };
    socket.say(&opened).await;
    let exit_code = talk(&engine, &container, attached, socket).await;
    Ok(EndedShell {
        exit_code,
        engine,
        container,
    })
}

async fn open(cell: &Cell, scene: &Scene) -> Result<(Engine, String, AttachContainerResults), Failure> {
    let engine = Engine::new(cell.socket())?;
    let image = keep(&engine, scene).await?;
    let created = engine
        .docker
        .create_container(None::<CreateContainerOptions>, body(cell, scene, image))
        .await;
    let container = created
        .map_err(|error| engine_failure("its container could not be made", &error))?
        .id;
    let options = AttachContainerOptionsBuilder::default()
        .stdin(true)
        .stdout(true)
        .stderr(true)
        .stream(true)
        .build();
    let attached = engine.docker.attach_container(&container, Some(options)).await;
    let attached = attached.map_err(|error| engine_failure("its terminal could not be had", &error))?;
    let started = engine
        .docker
        .start_container(&container, None::<StartContainerOptions>)
        .await;
    started.map_err(|error| start_failure("its container could not be started", &error))?;
    Ok((engine, container, attached))
}

/// Makes what the container left an image.
async fn keep(engine: &Engine, scene: &Scene) -> Result<String, Failure> {
    let path = format!("/commit?container={}&pause=0", encoded(&scene.container));
    let failed = |why: String| Failure::new(circle_core::run::FailureKind::Infrastructure, why);
    let kept = async { engine.lines("POST", &path, None).await?.next_value().await };
    let answer = kept
        .await
        .map_err(|error| failed(format!("the stage's files could not be kept: {error}")))?;
    let id = answer
        .as_ref()
        .and_then(|answer| answer.get("Id"))
        .and_then(|id| id.as_str());
    id.map(str::to_owned)
        .ok_or_else(|| failed("the engine named no image of the stage's files".to_owned()))
}

fn body(cell: &Cell, scene: &Scene, image: String) -> ContainerCreateBody {
    let shell = match scene.shell {
        Shell::Sh => "sh",
        Shell::Bash => "bash",
    };
    let mut mounts: Vec<_> = scene.view.iter().map(|view| bind(view, WORKSPACE, false)).collect();
    mounts.extend(super::surroundings::mounts(cell));
    let environment = scene.environment.iter().cloned().chain([TERMINAL.to_owned()]);
    ContainerCreateBody {
        image: Some(image),
        entrypoint: Some(vec![shell.to_owned()]),
        cmd: Some(Vec::new()),
        env: Some(environment.collect()),
        user: scene.user.clone(),
        working_dir: Some(scene.directory.clone()),
        tty: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(HostConfig {
            mounts: Some(mounts),
            network_mode: Some(scene.network.clone()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    }
}

/// Passes bytes both ways; gives the shell's exit code when it ended by itself.
async fn talk(
    engine: &Engine,
    container: &str,
    mut attached: AttachContainerResults,
    socket: &mut ShellSocket,
) -> Option<i64> {
    loop {
        tokio::select! {
            output = attached.output.next() => match output {
                Some(Ok(piece)) => {
                    let mut bytes = piece.into_bytes();
                    while !bytes.is_empty() {
                        let part: Bytes = bytes.split_to(bytes.len().min(MAX_MESSAGE_BYTES));
                        if !socket.write(part).await {
                            return None;
                        }
                    }
                }
                Some(Err(_)) | None => return exit_code(engine, container).await,
            },
            event = socket.next() => match event {
                Some(ShellEvent::Bytes(bytes)) => {
                    if attached.input.write_all(&bytes).await.is_err() || attached.input.flush().await.is_err() {
                        return exit_code(engine, container).await;
                    }
                }
                Some(ShellEvent::Said(ShellMessage::Size { columns, rows })) => {
                    let path = format!("/containers/{container}/resize?w={columns}&h={rows}");
                    // A terminal of another size is an ugly one, not a broken one.
                    let _ = engine.lines("POST", &path, None).await;
                }
                Some(ShellEvent::Said(_)) => {}
                None => return None,
            },
        }
    }
}

async fn exit_code(engine: &Engine, container: &str) -> Option<i64> {
    let mut waiting = engine.docker.wait_container(container, None::<WaitContainerOptions>);
    match waiting.next().await {
        Some(Ok(end)) => Some(end.status_code),
        Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => Some(code),
        Some(Err(_)) | None => None,
    }
}
