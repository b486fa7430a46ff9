//! When a sidecar counts as ready, and the wait for it.

use std::net::IpAddr;
use std::time::Duration;

use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use bollard::models::HealthStatusEnum;
use bollard::query_parameters::InspectContainerOptions;
use circle_cell::{Cell, InCell};
use circle_core::plan::Ready;
use circle_core::run::{Failure, FailureKind};
use futures_util::StreamExt;
use futures_util::future::try_join_all;

use super::context::StageRun;
use super::sidecar::{Running, Sidecars};
use crate::engine::{Engine, engine_failure};

/// Between two questions to the engine, which has no notice for this.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// Connects until it is accepted. The words behind the script are its `$0` and `$1`: no text of a pipeline stands in it.
const TCP_PROBE: &str = "while :; do (exec 3<>\"/dev/tcp/$0/$1\") 2>/dev/null && exit 0; sleep 0.05; done";
/// Asks until the answer is 2xx or 3xx; `$2` is the path.
const HTTP_PROBE: &str = "while :; do ( exec 3<>\"/dev/tcp/$0/$1\" || exit 1
printf 'GET %s HTTP/1.0\\r\\nHost: %s\\r\\nConnection: close\\r\\n\\r\\n' \"$2\" \"$0\" >&3
IFS=' ' read -r -t 5 protocol code rest <&3 && case $code in 2*|3*) exit 0;; esac; exit 1 ) 2>/dev/null && exit 0; sleep 0.1; done";

/// What is waited for, once it is clear for this very image.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Probe {
    Nothing,
    Healthcheck,
    Tcp(u16),
    Http { port: u16, path: String },
    Exec(Vec<String>),
    Log(String),
}

impl Sidecars {
    /// Waits until every sidecar is ready.
    ///
    /// # Errors
    /// [`FailureKind::Sidecar`] names the one that was not ready in time or ended, with what it said last.
    pub(crate) async fn ready(&self, stage: &StageRun<'_>) -> Result<(), Failure> {
        let all = try_join_all(self.running.iter().map(|running| one_ready(stage, running)));
        tokio::select! {
            biased;
            (running, code) = self.one_ended() => {
                let why = self.death(running, code).await;
                let message = format!("the sidecar {} {why} before it was ready{}", running.name, running.told.quote());
                Err(Failure::new(FailureKind::Sidecar, message))
            }
            ready = all => ready.map(drop),
        }
    }
}

async fn one_ready(stage: &StageRun<'_>, running: &Running) -> Result<(), Failure> {
    let probe = probe_of(stage, running).await?;
    if probe == Probe::Nothing {
        let text = format!(
            "circle: {} has neither a health check nor an exposed port: it counts as ready at once",
            running.name
        );
        stage.log.say(&text).await;
        return Ok(());
    }
    let limit = Duration::from_secs(running.plan.ready_timeout_s);
    match tokio::time::timeout(limit, wait(stage, running, &probe)).await {
        Ok(ready) => ready,
        Err(_) => {
            let message = format!(
                "the sidecar {} was not ready within {} s: {}{}",
                running.name,
                limit.as_secs(),
                missing(&probe),
                running.told.quote()
            );
            Err(Failure::new(FailureKind::Sidecar, message))
        }
    }
}

fn missing(probe: &Probe) -> String {
    match probe {
        Probe::Nothing => String::new(),
        Probe::Healthcheck => "its health check did not succeed".to_owned(),
        Probe::Tcp(port) => format!("its port {port} did not accept"),
        Probe::Http { port, path } => format!("GET {path} on its port {port} did not answer 2xx or 3xx"),
        Probe::Exec(argv) => format!("`{}` did not exit 0", argv.join(" ")),
        Probe::Log(text) => format!("its log did not say \"{text}\""),
    }
}

async fn probe_of(stage: &StageRun<'_>, running: &Running) -> Result<Probe, Failure> {
    Ok(match &running.plan.ready {
        Ready::Healthcheck => Probe::Healthcheck,
        Ready::Tcp(port) => Probe::Tcp(*port),
        Ready::Http { port, path } => Probe::Http {
            port: *port,
            path: path.clone(),
        },
        Ready::Exec(argv) => Probe::Exec(argv.clone()),
        Ready::Log(text) => Probe::Log(text.clone()),
        Ready::Default => {
            let config = stage.inspect_image(&running.image).await?.config.unwrap_or_default();
            let test = config.healthcheck.and_then(|check| check.test).unwrap_or_default();
            let exposed = config.exposed_ports.unwrap_or_default();
            let of_image = exposed
                .iter()
                .filter_map(|port| port.strip_suffix("/tcp").unwrap_or(port).parse().ok());
            let lowest = of_image.chain(running.plan.container.ports.iter().copied()).min();
            match lowest {
                _ if !test.is_empty() && test[0] != "NONE" => Probe::Healthcheck,
                Some(port) => Probe::Tcp(port),
                None => Probe::Nothing,
            }
        }
    })
}

async fn wait(stage: &StageRun<'_>, running: &Running, probe: &Probe) -> Result<(), Failure> {
    let engine = &stage.shared.engine;
    match probe {
        Probe::Nothing => Ok(()),
        Probe::Healthcheck => healthy(engine, running).await,
        Probe::Log(_) => {
            running.told.said().await;
            Ok(())
        }
        Probe::Exec(argv) => {
            while !command_succeeds(engine, running, argv).await? {
                tokio::time::sleep(ASK_AGAIN).await;
            }
            Ok(())
        }
        Probe::Tcp(port) => {
            let address = address(engine, running).await?;
            in_cell(
                stage.shared.cell,
                TCP_PROBE,
                vec![address.to_string(), port.to_string()],
            )
            .await
        }
        Probe::Http { port, path } => {
            let address = address(engine, running).await?;
            in_cell(
                stage.shared.cell,
                HTTP_PROBE,
                vec![address.to_string(), port.to_string(), path.clone()],
            )
            .await
        }
    }
}

async fn healthy(engine: &Engine, running: &Running) -> Result<(), Failure> {
    loop {
        let found = engine
            .docker
            .inspect_container(&running.container, None::<InspectContainerOptions>)
            .await;
        let found = found.map_err(|error| engine_failure("a sidecar could not be looked at", &error))?;
        let health = found
            .state
            .and_then(|state| state.health)
            .and_then(|health| health.status);
        match health {
            Some(HealthStatusEnum::HEALTHY) => return Ok(()),
            None | Some(HealthStatusEnum::NONE) => {
                let message = format!(
                    "the image {} of the sidecar {} has no health check",
                    running.image, running.name
                );
                return Err(Failure::new(FailureKind::BadPipeline, message));
            }
            Some(_) => tokio::time::sleep(ASK_AGAIN).await,
        }
    }
}

async fn command_succeeds(engine: &Engine, running: &Running, argv: &[String]) -> Result<bool, Failure> {
    let failed = |error| {
        engine_failure(
            &format!("the readiness command of {} could not be run", running.name),
            &error,
        )
    };
    let options = CreateExecOptions {
        cmd: Some(argv.to_vec()),
        // No inspection of a container or of such a command tells it.
        env: (!running.environment.is_empty()).then(|| running.environment.clone()),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..CreateExecOptions::default()
    };
    let exec = engine
        .docker
        .create_exec(&running.container, options)
        .await
        .map_err(failed)?;
    let started = engine
        .docker
        .start_exec(&exec.id, None::<StartExecOptions>)
        .await
        .map_err(failed)?;
    if let StartExecResults::Attached { mut output, .. } = started {
        while output.next().await.is_some() {}
    }
    let ended = engine.docker.inspect_exec(&exec.id).await.map_err(failed)?;
    Ok(ended.exit_code == Some(0))
}

/// The sidecar's address on the stage's network. One that has ended has none: whoever waits hears of its end.
async fn address(engine: &Engine, running: &Running) -> Result<IpAddr, Failure> {
    loop {
        let found = engine
            .docker
            .inspect_container(&running.container, None::<InspectContainerOptions>)
            .await;
        let found = found.map_err(|error| engine_failure("a sidecar's address could not be found", &error))?;
        let networks = found
            .network_settings
            .and_then(|settings| settings.networks)
            .unwrap_or_default();
        let mut addresses = networks.into_values().filter_map(|network| network.ip_address);
        if let Some(address) = addresses.find_map(|text| text.parse().ok()) {
            return Ok(address);
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// Runs a probe in the cell's network until it succeeds; it is killed when nobody waits any more.
async fn in_cell(cell: &Cell, script: &str, words: Vec<String>) -> Result<(), Failure> {
    let failed = |error| {
        Failure::new(
            FailureKind::Infrastructure,
            format!("a readiness probe could not be run: {error}"),
        )
    };
    let mut argv = vec!["/usr/bin/bash".to_owned(), "-c".to_owned(), script.to_owned()];
    argv.extend(words);
    let mut command = InCell::new(Some(cell.remapped_root()), argv);
    command.environment.push(("PATH".into(), "/usr/bin:/bin".into()));
    let mut child = cell.exec(command).await.map_err(failed)?;
    let exit = child.wait().await.map_err(failed)?;
    if exit.is_success() {
        Ok(())
    } else {
        Err(Failure::new(
            FailureKind::Infrastructure,
            format!("a readiness probe ended with {exit:?} without an answer"),
        ))
    }
}
