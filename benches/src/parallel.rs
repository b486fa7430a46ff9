//! Eight runs at once against the same eight one after the other: the speed-up, and whether each had its share.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use circle_test::{Circle, Options, StoryRun, StoryService};
use futures_util::future::try_join_all;

use crate::cells::docker;
use crate::figures::{Report, ms, percentile};
use crate::peer::Host;

/// Runs of each kind.
const RUNS: usize = 8;
/// What each run does: waits for something else half of the time, and computes the other half, like a test suite.
const WORK: &str = "sleep 1; head -c 60m /dev/urandom | sha256sum";

/// Prints the speed-up and the spread of the runs' ends.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let circle = Circle::start(Options {
        cells: u32::try_from(RUNS)?,
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    let pipeline = format!("version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [\"{WORK}\"]\n");
    shop.write("caicloud.yml", pipeline)?;
    shop.push("main").await?.succeeds().await?;

    let start = Instant::now();
    for _ in 0..RUNS {
        trigger(&shop, 0).await?.succeeds().await?;
    }
    let one_by_one = start.elapsed();

    let start = Instant::now();
    let mut runs = Vec::new();
    for number in 0..RUNS {
        runs.push(trigger(&shop, number).await?);
    }
    let mut took = Vec::new();
    for run in &runs {
        let view = run.succeeds().await?;
        let stage = view
            .stages
            .iter()
            .find(|stage| stage.name == "integration")
            .context("the stage")?;
        took.push(Duration::from_millis(stage.phases.run_ms));
    }
    let at_once = start.elapsed();
    circle.stop().await?;

    let speed_up = one_by_one.as_secs_f64() / at_once.as_secs_f64();
    report.fact("eight runs one after the other", &ms(one_by_one));
    report.fact("eight runs at once", &ms(at_once));
    report.row(
        "eight runs at once: speed-up",
        &format!("{speed_up:.2}"),
        "≥ 1.5",
        speed_up >= 1.5,
    );
    let (slowest, fastest) = (percentile(&mut took, 100), percentile(&mut took, 1));
    let spread = slowest.as_secs_f64() / fastest.as_secs_f64().max(0.001);
    report.row(
        "… the slowest job against the fastest (fairness)",
        &format!("{spread:.2}"),
        "≤ 2",
        spread <= 2.0,
    );
    peer(report).await
}

/// The same work in wiped Docker-in-Docker containers, one for each job; no push and no checkout is counted.
async fn peer(report: &mut Report) -> Result<()> {
    let host = Host::start().await?;
    let job = async |name: String| {
        let job = host.job(&name).await?;
        job.load("busybox").await?;
        docker(job.socket(), &["run", "--rm", "circle/busybox:1", "sh", "-c", WORK]).await?;
        job.stop().await
    };
    let start = Instant::now();
    for number in 0..RUNS {
        job(format!("alone-{number}")).await?;
    }
    let one_by_one = start.elapsed();
    let start = Instant::now();
    try_join_all((0..RUNS).map(|number| job(format!("job-{number}")))).await?;
    let at_once = start.elapsed();
    report.fact(
        "peer's way: eight Docker-in-Docker jobs one after the other",
        &ms(one_by_one),
    );
    report.fact("… at once", &ms(at_once));
    Ok(())
}

/// Each number is a branch of its own, so that no run waits for another of its ref.
async fn trigger(shop: &StoryService, number: usize) -> Result<StoryRun> {
    shop.push_ref(&format!("branch-{number}-{}", shop.runs().await?.len()))
        .await
}
