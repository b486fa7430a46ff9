//! A thousand readers of events: what each costs the server, and how late they hear.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use circle_api::client::RunNews;
use circle_api::resources::{CancelRequest, PageQuery, RunState};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_core::ids::RunId;
use circle_test::{Circle, Options, StoryService};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::figures::{Report, ms, percentile};
use crate::memory::resident_kib;

/// Connections that read.
const READERS: usize = 1_000;
/// Runs whose end is told to all of them.
const ENDS: usize = 10;
/// An event that did not come by then is lost.
const LATE: Duration = Duration::from_secs(30);

/// Prints memory and delays.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    // Runs that wait end at once when they are cancelled.
    for worker in circle.client().workers(&PageQuery::default()).await?.items {
        circle.client().drain_worker(worker.id).await?;
    }
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration:\n  image: circle/debian:12\n  commands: [\"true\"]\n",
    )?;
    let [server, _] = circle.pids();
    let server = server.context("it runs")?;
    let before = resident_kib(server)?;
    let (ready, mut all_ready) = mpsc::channel(READERS);
    let (heard, mut all_heard) = mpsc::channel(READERS);
    let mut readers = JoinSet::new();
    for _ in 0..READERS {
        readers.spawn(read(circle.client().clone(), ready.clone(), heard.clone()));
    }
    for _ in 0..READERS {
        all_ready.recv().await.context("a reader ended")?;
    }
    let each = resident_kib(server)?.saturating_sub(before) as f64 / READERS as f64;
    let mut delays = Vec::new();
    for _ in 0..ENDS {
        delays.extend(end_one(&circle, &shop, &mut all_heard).await?);
    }
    readers.shutdown().await;
    circle.stop().await?;
    report.fact(
        &format!("memory of one of {READERS} readers of events"),
        &format!("{each:.1} KiB"),
    );
    report.fact(
        &format!("a run's end, asked for until all {READERS} readers know, p50"),
        &ms(percentile(&mut delays, 50)),
    );
    report.fact("… p99 of readers", &ms(percentile(&mut delays, 99)));
    Ok(())
}

/// Says when it reads, and which ends it hears of, and when.
async fn read(
    client: circle_api::client::Client,
    ready: mpsc::Sender<()>,
    heard: mpsc::Sender<(RunId, Instant)>,
) -> Result<()> {
    let mut events = client.events(DEFAULT_WORKSPACE, None);
    loop {
        match events.next().await? {
            RunNews::Reset => ready.send(()).await?,
            RunNews::Run(run) if run.state == RunState::Cancelled => heard.send((run.id, Instant::now())).await?,
            RunNews::Run(_) => {}
        }
    }
}

/// Ends one run and tells how late each reader heard of it.
async fn end_one(
    circle: &Circle,
    shop: &StoryService,
    heard: &mut mpsc::Receiver<(RunId, Instant)>,
) -> Result<Vec<Duration>> {
    let run = shop.push("main").await?.id();
    let start = Instant::now();
    circle.client().cancel(run, &CancelRequest::default()).await?;
    let mut delays = Vec::new();
    while delays.len() < READERS {
        match tokio::time::timeout(LATE, heard.recv()).await {
            Ok(Some((told, at))) => {
                ensure!(told == run, "an end was told twice");
                delays.push(at.duration_since(start));
            }
            Ok(None) => bail!("the readers ended"),
            Err(_) => bail!("{} of {READERS} readers heard of an end", delays.len()),
        }
    }
    Ok(delays)
}
