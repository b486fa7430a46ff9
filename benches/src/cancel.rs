//! Killing a busy cell, and having its place ready again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use circle_cell::CellSpec;
use circle_cell::pool::{Pool, PoolConfig};
use circle_test::image;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::cells::provider;
use crate::figures::{Report, median, ms, percentile};

/// How often it is measured.
const ROUNDS: usize = 15;

/// Prints the time to everything dead and to the place ready.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir_in("/var/tmp")?;
    let provider = Arc::new(provider(folder.path())?);
    let spec = CellSpec {
        images: vec![image("busybox")?],
        ..CellSpec::default()
    };
    // One place: what is ready afterwards is in the place of what was killed.
    let (mut dead, mut ready) =
        kill_and_take(&Pool::new(provider.clone(), PoolConfig::new(1, 1, spec.clone()))).await?;
    let (_, mut cold) = kill_and_take(&Pool::new(provider, PoolConfig::new(0, 1, spec))).await?;
    let p50 = median(&mut dead);
    let limit = Duration::from_millis(100);
    report.row(
        "cancel to everything dead (two containers that write and sync), p50",
        &ms(p50),
        "< 100 ms",
        p50 < limit,
    );
    report.fact("… p95", &ms(percentile(&mut dead, 95)));
    for (what, times) in [("one stands warm", &mut ready), ("none does", &mut cold)] {
        let place = median(times);
        report.row(
            &format!("cancel to a ready cell in the only place ({what}), p50"),
            &ms(place),
            "< 1500 ms",
            place < Duration::from_millis(1500),
        );
    }
    Ok(())
}

/// How long until everything of a busy cell is dead, and until its place is taken again.
async fn kill_and_take(pool: &Pool) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let never = CancellationToken::new();
    let (mut dead, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let cell = pool.take(&never).await?;
        let socket = format!("unix://{}", cell.socket().display());
        for _ in 0..2 {
            let busy = [
                "run",
                "-d",
                "circle/busybox:1",
                "sh",
                "-c",
                "while :; do dd if=/dev/zero of=/tmp/x bs=64k count=64 conv=fsync; done",
            ];
            Command::new("/usr/bin/docker")
                .args(["--host", &socket])
                .args(busy)
                .output()
                .await?;
        }
        let start = Instant::now();
        let killed = cell.kill().await?;
        dead.push(killed.dead_in);
        drop(pool.take(&never).await?);
        ready.push(start.elapsed());
    }
    pool.shutdown().await;
    Ok((dead, ready))
}
