//! Service containers beside a job: started together, watched until the job ends, their output in the stage's log.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::models::Mount;
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, InspectContainerOptions, KillContainerOptionsBuilder, StartContainerOptions,
    WaitContainerOptions,
};
use circle_cell::gate::{self, GateChannel, Orders, Work};
use circle_core::plan::{SecretUser, Sidecar};
use circle_core::run::{Failure, FailureKind};
use futures_util::future::{join_all, select_all};
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::container::WORKSPACE;
use super::context::StageRun;
use super::job::gate_failure;
use super::log::StageLog;
use super::making::Making;
use super::{ContainerSettings, Network, surroundings};
use crate::engine::{Engine, engine_failure, start_failure};

/// Lines of a sidecar's log that a failure may quote.
const QUOTED_LINES: usize = 5;
/// Longest piece of a line that is shown at once; a longer line continues in the next piece.
const MAX_LINE_BYTES: usize = 16 * 1024;
/// Longest quoted line.
const MAX_QUOTE_CHARS: usize = 200;
/// How long a killed sidecar's last words may take to arrive.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// The running sidecars of a stage. Dropping it stops telling their logs; the containers live until [`Sidecars::end`].
#[derive(Debug)]
pub(crate) struct Sidecars {
    pub(super) running: Vec<Running>,
    engine: Engine,
    /// What they say, before anybody listens: the engine keeps it for them, and makes them wait when it is much.
    unheard: Mutex<Vec<Telling>>,
    tasks: JoinSet<()>,
}

/// One sidecar.
pub(super) struct Running {
    pub(super) name: String,
    pub(super) container: String,
    pub(super) plan: Sidecar,
    /// The image as the engine knows it.
    pub(super) image: String,
    /// `NAME=value` of the secrets in its environment, for commands that run beside its own.
    pub(super) environment: Vec<String>,
    /// Its exit code, once it ended.
    ended: watch::Receiver<Option<i64>>,
    /// Set before Circle itself ends it.
    dismissed: Arc<AtomicBool>,
    pub(super) told: Told,
    /// Held as long as the sidecar lives: what nobody holds forgets what is in it.
    _gate: Option<GateChannel>,
}

/// A sidecar's container before it is started.
struct Created {
    plan: Sidecar,
    image: String,
    container: String,
    secret: Option<Secret>,
}

/// What a gate is told once its container runs.
struct Secret {
    channel: GateChannel,
    orders: Orders,
}

/// The words and the end of one sidecar, for whoever listens.
struct Telling {
    name: String,
    container: String,
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
    ending: watch::Sender<Option<i64>>,
    dismissed: Arc<AtomicBool>,
    told: Told,
}

impl std::fmt::Debug for Telling {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Telling")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The last lines of a sidecar and those that somebody waits for.
#[derive(Debug, Clone)]
pub(super) struct Told {
    last: Arc<Mutex<VecDeque<String>>>,
    wanted: Option<Arc<str>>,
    seen: watch::Sender<bool>,
}

impl Sidecars {
    /// Starts all sidecars side by side on the stage's network; readiness is waited for by `ready`.
    pub(crate) async fn start(stage: &mut StageRun<'_>, sidecars: &[Sidecar], network: &str) -> Result<Self, Failure> {
        let mut wanted = Vec::new();
        for sidecar in sidecars {
            let image = stage.image(&sidecar.container).await?;
            let view = if sidecar.container.volumes.is_empty() {
                None
            } else {
                Some(stage.view().await?)
            };
            let view = view.map(|view| view.inside().display().to_string());
            let mounts = stage.folders(&sidecar.container, view.as_deref()).await?;
            wanted.push((sidecar, image, mounts));
        }
        let mut this = Self::start_made(&stage.making(), wanted, network).await?;
        this.listen(&stage.log);
        Ok(this)
    }

    /// Starts all sidecars before their stage's turn; nobody listens to them yet.
    pub(super) async fn start_early(making: &Making<'_>, sidecars: &[Sidecar], network: &str) -> Result<Self, Failure> {
        let mut wanted = Vec::new();
        for sidecar in sidecars {
            let image = making.shared.images.id(&sidecar.container.image).await?;
            wanted.push((sidecar, image, Vec::new()));
        }
        Self::start_made(making, wanted, network).await
    }

    async fn start_made(
        making: &Making<'_>,
        wanted: Vec<(&Sidecar, String, Vec<Mount>)>,
        network: &str,
    ) -> Result<Self, Failure> {
        let engine = making.shared.engine.clone();
        let all: Vec<&Sidecar> = wanted.iter().map(|(sidecar, ..)| *sidecar).collect();
        let mut created = Vec::new();
        for (sidecar, image, mounts) in wanted {
            created.push(create(making, sidecar, (&all, &image, mounts, network)).await?);
        }
        let started = join_all(created.into_iter().map(|made| begin(&engine, made))).await;
        let (running, unheard) = started.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        Ok(Self {
            running,
            engine,
            unheard: Mutex::new(unheard),
            tasks: JoinSet::new(),
        })
    }

    /// From now on what they say is told to the stage's log.
    pub(crate) fn listen(&mut self, log: &StageLog) {
        let unheard = self.unheard.get_mut().unwrap_or_else(PoisonError::into_inner);
        for telling in unheard.drain(..) {
            self.tasks.spawn(telling.tell(self.engine.clone(), log.clone()));
        }
    }

    /// Waits until one of them ends; never when there are none.
    pub(super) async fn one_ended(&self) -> (&Running, i64) {
        if self.running.is_empty() {
            return std::future::pending().await;
        }
        let ((running, code), ..) = select_all(self.running.iter().map(|running| running.ended().boxed())).await;
        (running, code)
    }

    /// The failure of a job, with the sidecar's death as its reason when one died before.
    pub(crate) async fn explain(&self, failure: Failure) -> Failure {
        let died = self
            .running
            .iter()
            .find_map(|running| running.ended.borrow().map(|code| (running, code)));
        let Some((running, code)) = died else { return failure };
        let why = self.death(running, code).await;
        let message = format!(
            "{} {why} before the test failed; {}{}",
            running.name,
            failure.message,
            running.told.quote()
        );
        Failure {
            kind: FailureKind::Sidecar,
            message,
            ..failure
        }
    }

    /// `exited 137 (out of memory)`.
    pub(super) async fn death(&self, running: &Running, code: i64) -> String {
        let inspected = self
            .engine
            .docker
            .inspect_container(&running.container, None::<InspectContainerOptions>)
            .await;
        let memory = inspected
            .ok()
            .and_then(|found| found.state)
            .and_then(|state| state.oom_killed)
            .unwrap_or(false);
        format!(
            "exited {code}{}",
            if memory {
                " (it used more memory than its bound)"
            } else {
                ""
            }
        )
    }

    /// Kills all of them and waits for their last words.
    pub(crate) async fn end(mut self) {
        let kill = |running: &Running| {
            running.dismissed.store(true, Ordering::Relaxed);
            let (engine, container) = (self.engine.clone(), running.container.clone());
            async move {
                let options = KillContainerOptionsBuilder::default().signal("SIGKILL").build();
                // One that ended by itself cannot be killed, and need not be.
                let _ = engine.docker.kill_container(&container, Some(options)).await;
            }
        };
        join_all(self.running.iter().map(kill)).await;
        let _ = tokio::time::timeout(LAST_WORDS, async { while self.tasks.join_next().await.is_some() {} }).await;
    }
}

impl std::fmt::Debug for Running {
    /// Without the values of its secrets.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Running")
            .field("name", &self.name)
            .field("container", &self.container)
            .finish_non_exhaustive()
    }
}

impl Secret {
    fn environment(&self) -> Vec<String> {
        let pairs = self.orders.environment.iter();
        pairs.map(|(name, value)| format!("{name}={value}")).collect()
    }
}

impl Running {
    /// Waits until it ends.
    async fn ended(&self) -> (&Self, i64) {
        let mut ended = self.ended.clone();
        let code = ended
            .wait_for(Option::is_some)
            .await
            .map_or(-1, |code| code.unwrap_or(-1));
        (self, code)
    }
}

impl Told {
    fn new(wanted: Option<&str>) -> Self {
        Self {
            last: Arc::default(),
            wanted: wanted.map(Arc::from),
            seen: watch::Sender::new(false),
        }
    }

    fn line(&self, line: &[u8]) {
        let text = String::from_utf8_lossy(line).trim_end().to_owned();
        if self.wanted.as_deref().is_some_and(|wanted| text.contains(wanted)) {
            self.seen.send_replace(true);
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == QUOTED_LINES {
            last.pop_front();
        }
        last.push_back(text.chars().take(MAX_QUOTE_CHARS).collect());
    }

    /// Waits until the wanted text was said.
    pub(super) async fn said(&self) {
        // The sender is this very value: it cannot be gone.
        let _ = self.seen.subscribe().wait_for(|seen| *seen).await;
    }

    /// The last lines for a sentence; nothing when there were none.
    pub(super) fn quote(&self) -> String {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_empty() {
            return "; its log is empty".to_owned();
        }
        let lines: Vec<&str> = last.iter().map(String::as_str).collect();
        format!("; last lines of its log: {}", lines.join(" ⏎ "))
    }
}

async fn create(
    making: &Making<'_>,
    sidecar: &Sidecar,
    (all, image, mut mounts, network): (&[&Sidecar], &str, Vec<Mount>, &str),
) -> Result<Created, Failure> {
    let links = |other: &&Sidecar| {
        let of_mine = other
            .container
            .links
            .iter()
            .filter(|(_, target)| **target == sidecar.name);
        of_mine.map(|(alias, _)| alias.clone()).collect::<Vec<_>>()
    };
    let mut aliases = vec![sidecar.name.clone()];
    aliases.extend(all.iter().flat_map(links));
    let secret = secret(making, sidecar, (image, &mut mounts)).await?;
    let mut body = making.configuration(ContainerSettings {
        plan: &sidecar.container,
        image: image.to_owned(),
        network: Network::Stage { name: network },
        aliases,
        mounts,
        has_secret_files: !sidecar.secret_files.is_empty(),
    });
    let own = |name: &String| sidecar.container.environment.contains_key(name);
    let around = surroundings::variables(making.shared.cell, making.stage).into_iter();
    let around = around.filter(|(name, _)| !own(name));
    let mut environment: Vec<String> = around.map(|(name, value)| format!("{name}={value}")).collect();
    for (name, value) in &sidecar.container.environment {
        environment.push(format!(
            "{name}={}",
            making.expand(&format!("the variable {name}"), value)?
        ));
    }
    body.env = Some(environment);
    body.working_dir = sidecar.container.working_dir.clone();
    body.hostname = Some(sidecar.name.chars().take(63).collect());
    if secret.is_some() {
        body.entrypoint = Some(vec![gate::ENTRYPOINT.to_owned()]);
        body.cmd = Some(Vec::new());
    } else {
        body.entrypoint = sidecar.container.entrypoint.clone();
        body.cmd = sidecar.container.command.clone();
    }
    let container = making.create(body, &sidecar.container.image).await?;
    Ok(Created {
        plan: sidecar.clone(),
        image: image.to_owned(),
        container,
        secret,
    })
}

/// What a sidecar is told behind a gate, which then becomes its program; `None` for one without secrets, which needs no gate.
async fn secret(
    making: &Making<'_>,
    sidecar: &Sidecar,
    (image, mounts): (&str, &mut Vec<Mount>),
) -> Result<Option<Secret>, Failure> {
    if sidecar.secrets.is_empty() {
        return Ok(None);
    }
    let secrets = making.delivered(SecretUser::Sidecar(sidecar))?;
    let channel = making.gate(mounts).await?;
    let orders = Orders {
        // Where the container begins.
        directory: ".".to_owned(),
        workspace: WORKSPACE.to_owned(),
        environment: secrets.environment,
        files: secrets.files,
        work: Work::Become(making.own_command(&sidecar.container, image).await?),
        finally: Vec::new(),
    };
    Ok(Some(Secret { channel, orders }))
}

/// Attaches and starts.
async fn begin(engine: &Engine, created: Created) -> Result<(Running, Telling), Failure> {
    let Created {
        plan,
        image,
        container,
        mut secret,
    } = created;
    let options = AttachContainerOptionsBuilder::default()
        .stdout(true)
        .stderr(true)
        .stream(true)
        .build();
    let what = format!("the sidecar {} could not be started", plan.name);
    let attached = engine.docker.attach_container(&container, Some(options)).await;
    let attached = attached.map_err(|error| engine_failure(&what, &error))?;
    let started = engine
        .docker
        .start_container(&container, None::<StartContainerOptions>)
        .await;
    started.map_err(|error| start_failure(&what, &error))?;
    if let Some(secret) = &mut secret {
        secret.channel.open(&secret.orders).await.map_err(gate_failure)?;
    }
    let wanted = if let circle_core::plan::Ready::Log(text) = &plan.ready {
        Some(text.as_str())
    } else {
        None
    };
    let told = Told::new(wanted);
    let (ending, ended) = watch::channel(None);
    let dismissed = Arc::new(AtomicBool::new(false));
    let telling = Telling {
        name: plan.name.clone(),
        container: container.clone(),
        output: attached.output,
        ending,
        dismissed: dismissed.clone(),
        told: told.clone(),
    };
    let running = Running {
        name: plan.name.clone(),
        container,
        plan,
        image,
        environment: secret.as_ref().map_or_else(Vec::new, Secret::environment),
        ended,
        dismissed,
        told,
        _gate: secret.map(|secret| secret.channel),
    };
    Ok((running, telling))
}

impl Telling {
    /// Tells the log what the sidecar says, and how it ended unless Circle ended it. Its end is known when its last words are,
    /// since whoever hears of it quotes them.
    async fn tell(self, engine: Engine, log: StageLog) {
        let mut talking = pin!(tell(&log, &self.name, &self.told, self.output));
        let mut ending = pin!(exit_code(&engine, &self.container));
        let (code, is_silent) = tokio::select! {
            code = &mut ending => (code, false),
            () = &mut talking => (ending.await, true),
        };
        let by_itself = !self.dismissed.load(Ordering::Relaxed);
        let is_silent = is_silent || tokio::time::timeout(LAST_WORDS, &mut talking).await.is_ok();
        self.ending.send_replace(Some(code));
        if !is_silent {
            talking.await;
        }
        if by_itself {
            log.say(&format!("{} | (ended with code {code})", self.name)).await;
        }
    }
}

/// Waits for a container's end; -1 when the engine cannot say with which code.
async fn exit_code(engine: &Engine, container: &str) -> i64 {
    let mut waiting = engine.docker.wait_container(container, None::<WaitContainerOptions>);
    match waiting.next().await {
        Some(Ok(end)) => end.status_code,
        Some(Err(bollard::errors::Error::DockerContainerWaitError { code, .. })) => code,
        Some(Err(_)) | None => -1,
    }
}

/// Writes a sidecar's output to the stage's log, every line under its name.
async fn tell(
    log: &StageLog,
    name: &str,
    told: &Told,
    mut output: impl Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin,
) {
    let mut stream = log.stream();
    let mut line = Vec::new();
    while let Some(Ok(piece)) = output.next().await {
        let mut shown = Vec::new();
        for part in piece.as_ref().split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(part);
            if line.ends_with(b"\n") || line.len() >= MAX_LINE_BYTES {
                put(name, told, &mut line, &mut shown);
            }
        }
        if !shown.is_empty() {
            stream.write(&shown).await;
        }
    }
    if !line.is_empty() {
        let mut shown = Vec::new();
        put(name, told, &mut line, &mut shown);
        stream.write(&shown).await;
    }
    stream.finish().await;
}

fn put(name: &str, told: &Told, line: &mut Vec<u8>, shown: &mut Vec<u8>) {
    if !line.ends_with(b"\n") {
        line.push(b'\n');
    }
    told.line(line);
    shown.extend_from_slice(name.as_bytes());
    shown.extend_from_slice(b" | ");
    shown.append(line);
}
