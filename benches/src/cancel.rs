//! Killing a busy cell, and having its place ready again.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use circle_cell::CellSpec;
use circle_cell::pool::{Pool, PoolConfig};
use circle_test::image;
use tokio_util::sync::CancellationToken;

use crate::cells::{docker, provider};
use crate::figures::{Report, median, ms, percentile};
use crate::peer::Host;

/// How often it is measured.
const ROUNDS: usize = 15;
/// How often the peer's way is.
const PEER_ROUNDS: usize = 5;

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
    peer(report).await
}

/// A wiped Docker-in-Docker container with the same work: removed with its volume, and the next one ready with its image.
async fn peer(report: &mut Report) -> Result<()> {
    let (host, mut gone, mut ready) = (Host::start().await?, Vec::new(), Vec::new());
    let mut job = host.job("job-0").await?;
    for round in 1..=PEER_ROUNDS {
        job.load("busybox").await?;
        keep_busy(job.socket()).await?;
        let start = Instant::now();
        job.stop().await?;
        gone.push(start.elapsed());
        job = host.job(&format!("job-{round}")).await?;
        job.load("busybox").await?;
        ready.push(start.elapsed());
    }
    job.stop().await?;
    report.fact(
        "peer's way: the Docker-in-Docker container with the same work is removed, p50",
        &ms(median(&mut gone)),
    );
    report.fact("… and the next one ready with its image, p50", &ms(median(&mut ready)));
    Ok(())
}

/// How long until everything of a busy cell is dead, and until its place is taken again.
async fn kill_and_take(pool: &Pool) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let never = CancellationToken::new();
    let (mut dead, mut ready) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let cell = pool.take(&never).await?;
        keep_busy(cell.socket()).await?;
        let start = Instant::now();
        let killed = cell.kill().await?;
        dead.push(killed.dead_in);
        drop(pool.take(&never).await?);
        ready.push(start.elapsed());
    }
    pool.shutdown().await;
    Ok((dead, ready))
}

/// Starts two containers that write and sync.
async fn keep_busy(socket: &Path) -> Result<()> {
    let work = "while :; do dd if=/dev/zero of=/tmp/x bs=64k count=64 conv=fsync; done";
    for _ in 0..2 {
        docker(socket, &["run", "-d", "circle/busybox:1", "sh", "-c", work]).await?;
    }
    Ok(())
}
