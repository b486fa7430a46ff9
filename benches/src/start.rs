//! From the hook's call to the first command of the run, in a warm cell with the image present.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use circle_test::{Circle, Options};

use crate::figures::{Report, median, ms, percentile};

/// How often it is measured.
const ROUNDS: usize = 15;

/// Prints p50 and p95.
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
    let mut delays = Vec::new();
    for _ in 0..ROUNDS {
        shop.repository().commit("Again").await?;
        let before = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let run = shop.push_ref("main").await?;
        run.succeeds().await?;
        let began: u64 = run
            .log("integration")
            .await?
            .trim()
            .parse()
            .context("the command prints nanoseconds")?;
        delays.push(Duration::from_nanos(began).saturating_sub(before));
    }
    circle.stop().await?;
    let p50 = median(&mut delays);
    report.row(
        "push (git and hook included) to the first command, p50",
        &ms(p50),
        "< 400 ms",
        p50 < Duration::from_millis(400),
    );
    report.fact("… p95", &ms(percentile(&mut delays, 95)));
    Ok(())
}
