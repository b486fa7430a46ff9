//! Lines: from the container to a WebSocket client, and ten million of them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use circle_api::client::{FollowWish, LiveEvent};
use circle_test::{Circle, Options, StoryRun};

use crate::figures::{Report, ms, percentile};

/// Lines whose way is timed.
const TIMED: usize = 200;
/// Lines of the large log.
const MANY: u64 = 10_000_000;
/// Places opened in it.
const PLACES: u64 = 40;

/// Prints the delays.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let circle = Circle::start(Options {
        images: vec!["debian"],
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    let timed = format!("for i in $(seq {TIMED}); do date +%s%N; sleep 0.03; done");
    shop.write("caicloud.yml", pipeline(&timed))?;
    let mut delays = follow(&circle, &shop.push("main").await?).await?;
    let p95 = percentile(&mut delays, 95);
    report.row(
        "line in the container to a WebSocket client, p95",
        &ms(p95),
        "< 150 ms",
        p95 < Duration::from_millis(150),
    );
    report.row(
        "… lines that arrived",
        &format!("{} of {TIMED}", delays.len()),
        "all",
        delays.len() == TIMED,
    );

    shop.write("caicloud.yml", pipeline(&format!("seq {MANY}")))?;
    let start = Instant::now();
    let run = shop.push("main").await?;
    run.succeeds().await?;
    report.fact("ten million lines, push to the end of the run", &ms(start.elapsed()));
    let mut openings = open(&circle, &run).await?;
    let slowest = percentile(&mut openings, 100);
    report.row(
        "any place of ten million lines opened, slowest",
        &ms(slowest),
        "< 200 ms",
        slowest < Duration::from_millis(200),
    );
    let index = circle.client().log_index(run.id()).await?;
    let lines = index
        .stages
        .iter()
        .find(|stage| stage.stage == "integration")
        .map_or(0, |stage| stage.lines);
    report.row("… lines kept", &lines.to_string(), "10000000", lines == MANY);
    circle.stop().await
}

fn pipeline(command: &str) -> String {
    format!("version: 1\nintegration:\n  image: circle/debian:12\n  commands: [{command:?}]\n")
}

/// Each line is the time at which it was printed; the machine has one clock.
async fn follow(circle: &Circle, run: &StoryRun) -> Result<Vec<Duration>> {
    let mut live = circle.client().follow(
        run.id(),
        FollowWish {
            logs: true,
            ..FollowWish::default()
        },
    );
    let (mut delays, mut rest) = (Vec::new(), Vec::new());
    while let Some(event) = live.next().await? {
        let LiveEvent::Log { stage, bytes, .. } = event else {
            continue;
        };
        if stage != "integration" {
            continue;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        rest.extend_from_slice(&bytes);
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let printed: u64 = String::from_utf8_lossy(&line).trim().parse()?;
            delays.push(now.saturating_sub(Duration::from_nanos(printed)));
        }
    }
    Ok(delays)
}

async fn open(circle: &Circle, run: &StoryRun) -> Result<Vec<Duration>> {
    let index = circle.client().log_index(run.id()).await?;
    let bytes = index
        .stages
        .iter()
        .find(|stage| stage.stage == "integration")
        .map_or(0, |stage| stage.bytes);
    let mut times = Vec::new();
    for place in 0..PLACES {
        let start = Instant::now();
        let page = circle
            .client()
            .log_bytes(run.id(), "integration", bytes / PLACES * place, 64 * 1024)
            .await?;
        times.push(start.elapsed());
        ensure!(!page.is_empty(), "nothing at place {place}");
    }
    Ok(times)
}
