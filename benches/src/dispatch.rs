//! How many runs a second the server can hand out, with ten thousand queued and workers that do nothing.
//!
//! The runs repeat one that has really run, and all of them are queued before a worker comes, so that only dispatch is
//! measured.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use circle_api::resources::{RerunRequest, ServiceChange};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_core::ids::RunId;
use circle_test::{Circle, Options};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::task::JoinSet;

use crate::figures::Report;
use crate::hands::Hands;

/// Runs in the queue at the start.
const QUEUED: usize = 10_000;
/// Workers side by side.
const WORKERS: usize = 4;
/// Claims of one worker at the same time.
const CLAIMS: usize = 16;
/// Repetitions that are asked for at the same time.
const WISHES: usize = 64;
/// Runs of one ref side by side, so that dispatch and not order is measured.
const PIPELINE: &str = "version: 1\nconcurrency: {branch: parallel}\n\
    integration:\n  image: circle/busybox:1\n  commands: [\"true\"]\n";

/// Prints the rate.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    queue(&mut circle, QUEUED).await?;
    let mut all = Vec::new();
    for number in 0..WORKERS {
        all.push(Hands::enrol(&circle, &format!("nothing-{number}")).await?);
    }
    let start = Instant::now();
    let mut workers = JoinSet::new();
    for hands in all {
        workers.spawn(work(hands));
    }
    let (mut done, mut last) = (0, start);
    while let Some(worked) = workers.join_next().await {
        let (count, end) = worked.context("a worker broke")??;
        done += count;
        last = last.max(end);
    }
    let rate = done as f64 / last.duration_since(start).max(Duration::from_millis(1)).as_secs_f64();
    circle.stop().await?;
    report.row(
        &format!("dispatch: {done} of {QUEUED} queued runs claimed and ended"),
        &format!("{rate:.0}/s"),
        "≥ 1000/s",
        rate >= 1000.0 && done == QUEUED,
    );
    Ok(())
}

/// One real run, then repetitions of it that nobody takes; gives the real one.
pub(crate) async fn queue(circle: &mut Circle, count: usize) -> Result<RunId> {
    let shop = circle.service("shop").await?;
    let many = ServiceChange {
        max_parallel: Some(1_000),
        ..ServiceChange::default()
    };
    circle.client().change_service(DEFAULT_WORKSPACE, "shop", &many).await?;
    shop.write("caicloud.yml", PIPELINE)?;
    let first = shop.push("main").await?;
    first.succeeds().await?;
    circle.stop_worker().await?;
    let (client, wish) = (circle.client(), RerunRequest::default());
    let reruns = stream::iter((0..count).map(|_| client.rerun(first.id(), &wish)));
    reruns
        .buffer_unordered(WISHES)
        .try_for_each(|_| async { Ok(()) })
        .await?;
    Ok(first.id())
}

/// Claims what is offered and ends it at once, until nothing is offered any more; tells when the last one was over.
async fn work(hands: Hands) -> Result<(usize, Instant)> {
    let mut offers = hands.offers().await?;
    let (mut done, mut last, mut tasks) = (0, Instant::now(), JoinSet::new());
    loop {
        let next = tokio::select! {
            Some(ended) = tasks.join_next(), if tasks.len() >= CLAIMS => {
                done += usize::from(ended.context("a claim broke")??);
                continue;
            }
            next = offers.next(), if tasks.len() < CLAIMS => next?,
        };
        let Some(run) = next else { break };
        last = Instant::now();
        let hands = hands.clone();
        tasks.spawn(async move { one(&hands, run).await });
    }
    while let Some(ended) = tasks.join_next().await {
        done += usize::from(ended.context("a claim broke")??);
    }
    Ok((done, last))
}

async fn one(hands: &Hands, run: RunId) -> Result<bool> {
    let Some((assignment, _)) = hands.claim(run).await? else {
        return Ok(false);
    };
    hands.end(&assignment).await?;
    Ok(true)
}
