//! The walk through a plan's stages.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use circle_api::worker::Assignment;
use circle_cell::{Cell, gate};
use circle_core::mask::Masker;
use circle_core::plan::{PreBuild, RetryWhen, Stage, Work};
use circle_core::run::{Failure, FailureKind, Phases, StoredOutput, WorkerEvent};
use jiff::Timestamp;

use super::ahead::Ahead;
use super::around::Around;
use super::bounds::Counted;
use super::container::BUILT_IMAGE;
use super::context::{Carried, Shared, StageRun, cell_failure, variables};
use super::flow::RunFlow;
use super::images::Images;
use super::log::StageLog;
use super::masks::Masks;
use super::network::StageNetwork;
use super::own_containers::OwnContainers;
use super::phases::PhaseClock;
use super::scene::{Scene, SceneSlot};
use crate::engine::Engine;
use crate::stages;

/// How often it is looked whether a stage has fallen silent.
const SILENCE_CHECK: Duration = Duration::from_secs(1);

/// How an execution ended by itself; a cancelled one is dropped instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Every stage succeeded.
    Succeeded,
    /// A stage failed for good.
    Failed(Failure),
}

/// Executes the plan of an assignment in a cell that nobody else uses, and tells the sink that is around.
///
/// Promises: events and logs come in order; every text is masked; the cell is left to the caller, who kills it. Dropping
/// the future stops the execution at any point; what still runs in the cell ends with the cell. `waited` is how long the
/// run waited for its cell.
pub async fn execute(assignment: &Assignment, cell: &Cell, waited: Duration, around: Around) -> End {
    execute_and_keep(assignment, cell, waited, around).await.0
}

/// The same, and gives the scene of a failed stage when the assignment wants its cell kept.
pub(crate) async fn execute_and_keep(
    assignment: &Assignment,
    cell: &Cell,
    waited: Duration,
    around: Around,
) -> (End, Option<Scene>) {
    let scene = SceneSlot::default();
    let end = walk_within(assignment, cell, waited, (around, scene.clone())).await;
    let kept = scene.take().filter(|_| matches!(end, End::Failed(_)));
    (end, kept)
}

async fn walk_within(
    assignment: &Assignment,
    cell: &Cell,
    waited: Duration,
    (around, scene): (Around, SceneSlot),
) -> End {
    let masks = Masks::new(masker(assignment));
    let limit = Duration::from_secs(assignment.plan.timeout_s);
    let walked = walk(assignment, cell, waited, (around, masks.clone(), scene));
    let walked = tokio::time::timeout(limit, walked).await;
    match walked {
        Ok(Ok(())) => End::Succeeded,
        Ok(Err(failure)) => End::Failed(masked(&masks, failure)),
        Err(_) => {
            let message = format!("the run took longer than its {}", human(limit));
            End::Failed(Failure::new(FailureKind::Bound, message))
        }
    }
}

/// Masks what an assignment holds: secrets, and what opens registries and the repository.
pub(crate) fn masker(assignment: &Assignment) -> Masker {
    let secrets = assignment.secrets.iter().map(|(_, _, value)| value.expose());
    let registries = assignment
        .registries
        .iter()
        .filter_map(|access| access.password.as_ref())
        .map(|value| value.expose());
    let clone = assignment
        .clone_credential
        .as_ref()
        .map(|credential| credential.login.secret().expose());
    Masker::new(
        secrets
            .chain(registries)
            .chain(clone)
            .chain([assignment.run_token.expose()]),
    )
}

async fn walk(
    assignment: &Assignment,
    cell: &Cell,
    waited: Duration,
    (around, masks, scene): (Around, Masks, SceneSlot),
) -> Result<(), Failure> {
    let engine = Engine::new(cell.socket())?;
    let gate = cell
        .new_folder("gate")
        .await
        .map_err(cell_failure("the gate's folder"))?;
    gate::install(gate.host()).map_err(|error| {
        Failure::new(
            FailureKind::Infrastructure,
            format!("the gate could not be installed: {error}"),
        )
    })?;
    let images = Images::new(engine.clone(), assignment.registries.clone(), around.traces.clone());
    let network = StageNetwork::prepare(&engine, cell, &assignment.plan);
    let ahead = Ahead::new(&assignment.plan, around.is_memory_short, |stage| {
        assignment.reused.contains_key(&stage.name) && is_left_over(stage, assignment)
    });
    let shared = Shared {
        assignment,
        cell,
        engine,
        images,
        sink: around.sink,
        gate,
        network,
        own: OwnContainers::default(),
        ahead,
        flow: RunFlow::new(assignment.log),
        scene,
        traces: around.traces,
        notes: Mutex::new(around.notes),
        names: AtomicU32::new(0),
    };
    let mut carried = Carried {
        trigger: assignment.facts.trigger.clone(),
        layers: Vec::new(),
        images: assignment.images.clone(),
        caches: BTreeMap::new(),
    };
    pull_ahead(&shared, &carried);
    let known = variables(assignment, &carried);
    tokio::select! {
        biased;
        end = run_stages(&shared, &mut carried, (waited, &masks)) => end,
        never = shared.ahead.work(&shared, &known) => match never {},
    }
}

/// Every stage in its turn.
async fn run_stages(
    shared: &Shared<'_>,
    carried: &mut Carried,
    (waited, masks): (Duration, &Masks),
) -> Result<(), Failure> {
    let assignment = shared.assignment;
    for (at, stage) in assignment.plan.stages.iter().enumerate() {
        let waited = if at == 0 { waited } else { Duration::ZERO };
        match assignment.reused.get(&stage.name) {
            Some(output) if is_left_over(stage, assignment) => {
                stages::take_over(shared, carried, &stage.name, output.as_ref()).await?;
            }
            _ => run_stage(shared, carried, stage, (waited, masks)).await?,
        }
    }
    Ok(())
}

/// Whether what a stage of the repeated run made can still be had: a commit is fetched anew, and so are images made that no
/// registry has.
fn is_left_over(stage: &Stage, assignment: &Assignment) -> bool {
    match &stage.work {
        // Somebody's working tree, kept as an output; a commit is fetched anew.
        Work::Checkout { .. } => assignment.reused.get(&stage.name).is_some_and(Option::is_some),
        Work::Build { .. } => assignment.images.iter().all(|image| image.digest.is_some()),
        Work::Integration { .. } | Work::PreBuild { .. } | Work::Push { .. } | Work::PostBuild { .. } => true,
    }
}

/// Begins to pull every image that is known already.
fn pull_ahead(shared: &Shared<'_>, carried: &Carried) {
    let names = variables(shared.assignment, carried);
    for stage in &shared.assignment.plan.stages {
        let mut containers = Vec::new();
        match &stage.work {
            Work::Integration { sidecars, job } => {
                containers.extend(sidecars.iter().map(|sidecar| &sidecar.container));
                containers.push(&job.container);
            }
            Work::PreBuild {
                how: PreBuild::Container { job },
                ..
            }
            | Work::PostBuild { job } => containers.push(&job.container),
            Work::Checkout { .. } | Work::PreBuild { .. } | Work::Build { .. } | Work::Push { .. } => {}
        }
        for container in containers
            .into_iter()
            .filter(|container| !container.image.starts_with(BUILT_IMAGE))
        {
            // A name that cannot be expanded yet is expanded, or fails with its reason, when the stage starts.
            if let Ok(name) = circle_core::expand::expand(&container.image, &names) {
                shared.images.start(&name);
            }
        }
    }
}

/// Tries a stage as often as its retry policy says.
async fn run_stage(
    shared: &Shared<'_>,
    carried: &mut Carried,
    stage: &Stage,
    (waited, masks): (Duration, &Masks),
) -> Result<(), Failure> {
    let log = StageLog::new(&stage.name, shared.sink.clone(), masks.clone(), shared.flow.clone());
    let tries = stage.retry.max.max(1);
    for attempt in 1..=tries {
        let started = WorkerEvent::StageStarted {
            stage: stage.name.clone(),
            at: Timestamp::now(),
            attempt,
        };
        shared.sink.event(started).await;
        let counted = Counted::from_now(shared.cell);
        let mut clock = PhaseClock::new(if attempt == 1 { waited } else { Duration::ZERO });
        let result = try_stage(StageRun {
            shared,
            stage,
            carried,
            log: log.clone(),
            clock: &mut clock,
            counted: &counted,
        })
        .await;
        let (at, phases) = (Timestamp::now(), clock.read());
        if let Some(line) = log.flow().held_back() {
            log.say(&line).await;
        }
        let failure = match result {
            Ok(output) => {
                shared.scene.clear();
                let succeeded = WorkerEvent::StageSucceeded {
                    stage: stage.name.clone(),
                    at,
                    phases,
                    output,
                };
                shared.sink.event(succeeded).await;
                return Ok(());
            }
            Err(failure) => {
                let explained = counted.explain(shared.cell, stage, &log, failure).await;
                masked(masks, explained.in_stage(&stage.name))
            }
        };
        let again = attempt < tries && calls_for_another(stage.retry.when, &failure);
        tell_failure((shared, stage), &log, &failure, (at, phases, again)).await;
        if !again {
            return Err(failure);
        }
        log.say(&format!("circle: try {} of {tries}", attempt + 1)).await;
        stages::clear(shared, &stage.name).await;
    }
    Err(Failure::new(
        FailureKind::Infrastructure,
        "a stage ended without a verdict",
    ))
}

/// Tells the sink and the log how a try failed.
async fn tell_failure(
    (shared, stage): (&Shared<'_>, &Stage),
    log: &StageLog,
    failure: &Failure,
    (at, phases, again): (Timestamp, Phases, bool),
) {
    log.say(&format!("circle: {}", failure.message)).await;
    let failed = WorkerEvent::StageFailed {
        stage: stage.name.clone(),
        at,
        phases,
        failure: failure.clone(),
        again,
    };
    shared.sink.event(failed).await;
}

fn calls_for_another(when: RetryWhen, failure: &Failure) -> bool {
    match when {
        RetryWhen::Infrastructure => failure.is_infrastructure(),
        RetryWhen::Always => !matches!(failure.kind, FailureKind::BadPipeline | FailureKind::Refused),
    }
}

/// Runs a stage within its bounds of time and silence.
async fn try_stage(mut stage: StageRun<'_>) -> Result<Option<StoredOutput>, Failure> {
    let limit = Duration::from_secs(stage.stage.timeout_s);
    let silence = Duration::from_secs(stage.shared.assignment.plan.silence_s);
    let log = stage.log.clone();
    for note in stage.shared.take_notes() {
        log.say(&note).await;
    }
    tokio::select! {
        result = stages::run(&mut stage) => result,
        () = tokio::time::sleep(limit) => {
            Err(Failure::new(FailureKind::Bound, format!("the stage took longer than its {}", human(limit))))
        }
        sentence = log.flow().overflow() => Err(Failure::new(FailureKind::Bound, sentence)),
        () = fell_silent(&log, silence) => {
            Err(Failure::new(FailureKind::Bound, format!("the stage printed nothing for {}", human(silence))))
        }
    }
}

async fn fell_silent(log: &StageLog, limit: Duration) {
    let began = Instant::now();
    while log.silence().min(began.elapsed()) < limit {
        tokio::time::sleep(SILENCE_CHECK.min(limit)).await;
    }
}

fn masked(masks: &Masks, failure: Failure) -> Failure {
    Failure {
        message: masks.text(&failure.message),
        ..failure
    }
}

/// `90 s`, `45 min`, `3 h`.
pub(crate) fn human(duration: Duration) -> String {
    match duration.as_secs() {
        seconds if seconds >= 7_200 && seconds % 3_600 == 0 => format!("{} h", seconds / 3_600),
        seconds if seconds >= 120 && seconds % 60 == 0 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
