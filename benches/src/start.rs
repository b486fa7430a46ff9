//! From the hook's arrival to the first command of the run, in a warm cell with the image present.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use circle_api::resources::{DeliveryQuery, DeliveryState, RunView};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_core::ids::RunId;
use circle_test::{Circle, Options};

use crate::figures::{Report, median, ms, percentile};

/// How often it is measured.
const ROUNDS: usize = 15;
/// Between two pushes, as of a developer: the place of the last run is filled again meanwhile.
const REST: Duration = Duration::from_secs(3);

/// Prints p50 and p95, and where the time went.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let circle = Circle::start(Options {
        images: vec!["debian"],
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    // The machine's clock is the container's clock, so the command itself says when it began.
    let pipeline = "version: 1\nintegration:\n  image: circle/debian:12\n  commands: [\"date +%s%N\"]\n";
    shop.write("caicloud.yml", pipeline)?;
    let (mut of_push, mut of_hook, mut views) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        shop.repository().commit("Again").await?;
        tokio::time::sleep(REST).await;
        let before = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let run = shop.push_ref("main").await?;
        views.push(run.succeeds().await?);
        let log = run.log("integration").await?;
        let began = Duration::from_nanos(log.trim().parse().context("the command prints nanoseconds")?);
        of_push.push(began.saturating_sub(before));
        of_hook.push(began.saturating_sub(arrived(&circle, run.id()).await?));
    }
    circle.stop().await?;
    let p50 = median(&mut of_hook);
    report.row(
        "hook to the first command, p50",
        &ms(p50),
        "< 400 ms",
        p50 < Duration::from_millis(400),
    );
    report.fact("… p95", &ms(percentile(&mut of_hook, 95)));
    report.fact("… git push included, p50", &ms(median(&mut of_push)));
    for (what, phase) in PHASES {
        let mut times: Vec<Duration> = views.iter().map(|view| Duration::from_millis(phase(view))).collect();
        report.fact(&format!("… of it {what}, p50"), &ms(median(&mut times)));
    }
    Ok(())
}

type Phase = fn(&RunView) -> u64;

/// What the server knows of the way to the first command.
const PHASES: [(&str, Phase); 4] = [
    ("until a cell was claimed", |view| phases(view, "checkout").0),
    ("the cell", |view| phases(view, "checkout").1),
    ("the checkout", |view| phases(view, "checkout").2),
    ("the job's start", |view| phases(view, "integration").3),
];

/// Queue, cell, run and start of a stage.
fn phases(view: &RunView, stage: &str) -> (u64, u64, u64, u64) {
    let found = view.stages.iter().find(|one| one.name == stage);
    found.map_or((0, 0, 0, 0), |one| {
        (
            one.phases.queue_ms,
            one.phases.cell_ms,
            one.phases.run_ms,
            one.phases.start_ms,
        )
    })
}

/// When the hook of this run was stored.
async fn arrived(circle: &Circle, run: RunId) -> Result<Duration> {
    let page = circle
        .client()
        .deliveries(DEFAULT_WORKSPACE, &DeliveryQuery::default())
        .await?;
    let made = |state: &DeliveryState| matches!(state, DeliveryState::Run { run: made } if *made == run);
    let delivery = page.items.into_iter().find(|delivery| made(&delivery.state));
    let at = delivery.context("the delivery of the run")?.received_at;
    Ok(Duration::from_millis(u64::try_from(at.as_millisecond())?))
}
