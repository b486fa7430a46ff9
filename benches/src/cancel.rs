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
    let never = CancellationToken::new();
    let pool = Pool::new(provider, PoolConfig::new(1, 2, spec));
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
    let p50 = median(&mut dead);
    let limit = Duration::from_millis(100);
    report.row(
        "cancel to everything dead (two containers that write and sync), p50",
        &ms(p50),
        "< 100 ms",
        p50 < limit,
    );
    report.fact("… p95", &ms(percentile(&mut dead, 95)));
    let place = median(&mut ready);
    report.row(
        "cancel to a ready cell in its place, p50",
        &ms(place),
        "< 1500 ms",
        place < Duration::from_millis(1500),
    );
    Ok(())
}
