//! The three chapters: a good version, a bad one, a cancelled one.

use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use circle_api::resources::{CancelRequest, RunQuery, RunView, ServiceCreate, StageView, StageWord, WorkloadBind};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_core::ids::RunId;
use circle_lab::{Repository, visit};
use tokio::sync::Notify;

use super::command::DemoArgs;
use super::files::{File, files_of};
use super::machine::Machine;
use super::table;
use super::telling::Telling;

/// The service, its repository and its workload have this name.
const SERVICE: &str = "hello";
/// Longest wait from a push to its run.
const RUN_LIMIT: Duration = Duration::from_secs(30);
/// How long the service is visited while nothing may fail.
const VISITS: u32 = 10;

/// Plays all chapters and shows the figures.
pub(super) async fn play(machine: &Machine, options: &DemoArgs, telling: &mut Telling) -> Result<()> {
    let repository = link(machine, options).await?;
    let good = good_version(machine, &repository, telling).await?;
    let bad = bad_version(machine, (&repository, options), &good, telling).await?;
    let cancelled = cancelled_version(machine, (&repository, options), telling).await?;
    telling.chapter("Where the time went");
    for line in table::phases(&[good, bad, cancelled]).lines() {
        telling.note(line);
    }
    if !options.keep {
        telling.note("`make demo ARGS=--keep` leaves everything running to look around");
    }
    Ok(())
}

/// Makes the service and its repository, and installs the hook that Circle printed.
async fn link(machine: &Machine, options: &DemoArgs) -> Result<Repository> {
    let repository = machine.git().repository(SERVICE).await?;
    lay_out(&repository, options, None)?;
    let wish: ServiceCreate = serde_json::from_value(serde_json::json!({
        "name": SERVICE,
        "repository": repository.url(),
        "image": { "registry": "local", "path": SERVICE },
    }))?;
    let created = machine.client().create_service(DEFAULT_WORKSPACE, &wish).await?;
    let hook = repository.bare().join("hooks/post-receive");
    std::fs::write(&hook, created.hook.post_receive.expose())?;
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o700))?;
    let bind: WorkloadBind =
        serde_json::from_value(serde_json::json!({ "workload": SERVICE, "create": { "port": 8080 } }))?;
    machine
        .client()
        .bind_workload(DEFAULT_WORKSPACE, ("production", SERVICE), &bind)
        .await?;
    Ok(repository)
}

async fn good_version(machine: &Machine, repository: &Repository, telling: &mut Telling) -> Result<RunView> {
    telling.chapter("1. A push: tested beside Redis, compiled, packed, pushed, deployed, watched");
    let (run, commit) = push(machine, repository, "Say hello").await?;
    let view = telling.follow(machine.client(), run, |_| {}).await?;
    ensure_ended(&view, "succeeded")?;
    let answer = answer(machine).await?;
    ensure!(
        answer.contains(&commit[..12]),
        "the service answers without its commit {commit}: {answer}"
    );
    telling.note(&format!("the deployed service answers: {}", in_one_line(&answer)));
    Ok(view)
}

async fn bad_version(
    machine: &Machine,
    (repository, options): (&Repository, &DemoArgs),
    good: &RunView,
    telling: &mut Telling,
) -> Result<RunView> {
    telling.chapter("2. A version that never gets healthy: rolled back, the old one answering all the time");
    lay_out(repository, options, Some("broken"))?;
    let (run, _commit) = push(machine, repository, "Break the health check").await?;
    let mut visits = Visits::default();
    let view = {
        let follow = telling.follow(machine.client(), run, |_| {});
        tokio::pin!(follow);
        loop {
            tokio::select! {
                view = &mut follow => break view?,
                () = visits.once(machine) => {}
            }
        }
    };
    ensure_ended(&view, "failed")?;
    let said = view.run.message.clone().unwrap_or_default();
    telling.note(&said);
    let old = good.run.commit.clone().context("the first run has a commit")?;
    for _ in 0..VISITS {
        visits.once(machine).await;
    }
    let answer = answer(machine).await?;
    ensure!(
        answer.contains(&old[..12]),
        "the old version does not answer after the roll back: {answer}"
    );
    telling.note(&format!("the old version answers: {}", in_one_line(&answer)));
    telling.note(&format!(
        "{} visits meanwhile, {} without an answer",
        visits.asked, visits.missed
    ));
    Ok(view)
}

async fn cancelled_version(
    machine: &Machine,
    (repository, options): (&Repository, &DemoArgs),
    telling: &mut Telling,
) -> Result<RunView> {
    telling.chapter("3. A long build, cancelled: its cell dies with everything in it");
    lay_out(repository, options, Some("slow"))?;
    let (run, _commit) = push(machine, repository, "Take ten minutes").await?;
    let compiles = Notify::new();
    let (view, start) = {
        let follow = telling.follow(machine.client(), run, |view| {
            let compiling = |stage: &StageView| stage.name == "pre_build" && stage.state == StageWord::Running;
            if view.stages.iter().any(compiling) {
                compiles.notify_one();
            }
        });
        tokio::pin!(follow);
        tokio::select! {
            () = compiles.notified() => {}
            ended = &mut follow => bail!("the run ended before it compiled: {}", ended?.run.message.unwrap_or_default()),
        }
        let start = Instant::now();
        machine.client().cancel(run, &CancelRequest::default()).await?;
        (follow.await?, start)
    };
    ensure_ended(&view, "cancelled")?;
    telling.note(&format!(
        "cancelled and dead {} ms after the request",
        start.elapsed().as_millis()
    ));
    Ok(view)
}

/// Commits, pushes to main and waits for the run of that push; gives the commit too.
async fn push(machine: &Machine, repository: &Repository, message: &str) -> Result<(RunId, String)> {
    let commit = repository.commit(message).await?;
    repository.push("refs/heads/main").await?;
    let start = Instant::now();
    loop {
        let runs = machine
            .client()
            .runs(DEFAULT_WORKSPACE, &RunQuery::default())
            .await?
            .items;
        if let Some(run) = runs.iter().find(|run| run.commit.as_deref() == Some(&commit)) {
            return Ok((run.id, commit));
        }
        if start.elapsed() > RUN_LIMIT {
            bail!("the push of {commit} made no run: is the hook installed?");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Writes the sample into the work tree, and the files of a variant over it.
fn lay_out(repository: &Repository, options: &DemoArgs, variant: Option<&str>) -> Result<()> {
    for (path, file) in files_of(&options.sample)? {
        if !path.starts_with("variants/") {
            write(repository, &path, &file)?;
        }
    }
    let Some(variant) = variant else { return Ok(()) };
    for (path, file) in files_of(&options.sample.join("variants").join(variant))? {
        write(repository, &path, &file)?;
    }
    Ok(())
}

fn write(repository: &Repository, path: &str, file: &File) -> Result<()> {
    repository.write(path, &file.content)?;
    let mode = std::fs::Permissions::from_mode(file.mode);
    Ok(std::fs::set_permissions(repository.tree().join(path), mode)?)
}

async fn answer(machine: &Machine) -> Result<String> {
    let published = machine.swarm().published(SERVICE).await?;
    let place = published.first().context("nothing is published")?;
    Ok(visit(place.address, place.port, "/").await?)
}

fn in_one_line(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join(" · ")
}

/// Visits that count what was missed.
#[derive(Debug, Default)]
struct Visits {
    asked: u32,
    missed: u32,
}

impl Visits {
    /// One visit to whichever version is published, then a short pause.
    async fn once(&mut self, machine: &Machine) {
        self.asked += 1;
        let healthy = match machine.swarm().published(SERVICE).await {
            Ok(places) => answered(&places).await,
            Err(_) => false,
        };
        if !healthy {
            self.missed += 1;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Whether any published container answers: during a rollout the new one may not yet.
async fn answered(places: &[circle_lab::Published]) -> bool {
    for place in places {
        if visit(place.address, place.port, "/").await.is_ok() {
            return true;
        }
    }
    false
}

fn ensure_ended(view: &RunView, word: &str) -> Result<()> {
    let ended = view.run.state.word();
    let message = view.run.message.as_deref().unwrap_or("no reason given");
    ensure!(ended == word, "the run {ended} instead of {word}: {message}");
    Ok(())
}
