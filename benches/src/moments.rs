//! Cancelling a run at every moment, as a person does: from the call of the API to the last dead process of its cell, and to the
//! next run's begin in the only place.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use circle_api::resources::StageWord;
use circle_test::{Circle, Moment, Options, StoryRun, StoryService};

use crate::figures::{Report, median, ms, percentile};
use crate::memory::groups_of;

/// How often each moment is cancelled.
const ROUNDS: usize = 3;
/// How often it is looked.
const PAUSE: Duration = Duration::from_millis(1);
/// Longest wait for anything.
const LIMIT: Duration = Duration::from_secs(60);
const QUICK: &str = "version: 1\nintegration: {image: 'circle/busybox:1', commands: ['true']}\n";

/// Prints both for each moment, and for all of them.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let circle = Circle::start(Options {
        cells: 1,
        taps: true,
        worker: &["--warm-cells=0", "--warm-roots=0"],
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", QUICK)?;
    shop.push("next").await?.succeeds().await?;
    let (mut all_dead, mut all_taken) = (Vec::new(), Vec::new());
    for moment in Moment::ALL {
        let (mut dead, mut taken) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let times = once(&circle, &shop, moment).await;
            let (died, next) = times.with_context(|| format!("cancelled at {moment:?}"))?;
            dead.push(died);
            taken.push(next);
        }
        let times = format!("{}, {}", ms(median(&mut dead)), ms(median(&mut taken)));
        report.fact(
            &format!("cancelled at {moment:?}: all dead, next run begins, p50"),
            &times,
        );
        all_dead.append(&mut dead);
        all_taken.append(&mut taken);
    }
    circle.stop().await?;
    for (what, times, most) in [
        ("everything of its cell is dead", &mut all_dead, 100),
        ("the next run begins in its place, cold", &mut all_taken, 1500),
    ] {
        let p95 = percentile(times, 95);
        let what = format!("from the cancel until {what}, all moments, p95");
        report.row(
            &what,
            &ms(p95),
            &format!("< {most} ms"),
            p95 < Duration::from_millis(most),
        );
    }
    Ok(())
}

async fn once(circle: &Circle, shop: &StoryService, moment: Moment) -> Result<(Duration, Duration)> {
    let run = moment.reached(circle, shop).await?;
    let groups = groups_of(&cell_of(circle)?)?;
    ensure!(processes(&groups) > 0, "its cell has no processes");
    shop.write("caicloud.yml", QUICK)?;
    let next = shop.push("next").await?;
    while next.view().await?.run.state.word() != "queued" {
        tokio::time::sleep(PAUSE).await;
    }
    let cancelled = Instant::now();
    let dead = async {
        while processes(&groups) > 0 {
            ensure!(cancelled.elapsed() < LIMIT, "its processes live on");
            tokio::time::sleep(PAUSE).await;
        }
        Ok(cancelled.elapsed())
    };
    let (cancel, dead, taken) = tokio::join!(run.cancel(), dead, begins(&next, cancelled));
    cancel?;
    let times = (dead?, taken?);
    Moment::let_go(circle)?;
    next.succeeds().await?;
    run.ends_as("cancelled").await?;
    Ok(times)
}

/// Waits until the run's first stage runs: it has a cell.
async fn begins(next: &StoryRun, since: Instant) -> Result<Duration> {
    loop {
        let view = next.view().await?;
        if view.stages.iter().any(|stage| stage.state != StageWord::Waiting) {
            return Ok(since.elapsed());
        }
        ensure!(
            since.elapsed() < LIMIT,
            "the next run does not begin: {:?}",
            view.run.state
        );
        tokio::time::sleep(PAUSE).await;
    }
}

/// The only cell that there is.
fn cell_of(circle: &Circle) -> Result<String> {
    let cells = circle.worker_folder().join("cells/cells").read_dir()?;
    let names: Vec<String> = cells
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    ensure!(names.len() == 1, "one place has one cell: {names:?}");
    names.into_iter().next().context("there is one")
}

fn processes(groups: &[PathBuf]) -> usize {
    let lines =
        |group: &Path| std::fs::read_to_string(group.join("cgroup.procs")).map_or(0, |list| list.lines().count());
    groups.iter().map(|group| lines(group)).sum()
}
