//! A job beside cells that are being made ready for others: what it loses to them.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use circle_cell::process::ProcessProvider;
use circle_cell::{CellProvider, CellSpec};
use circle_test::image;
use tokio::sync::oneshot;

use crate::cells::{docker, provider};
use crate::figures::{Report, median, ms};

/// How often each is measured, in turns.
const ROUNDS: usize = 5;
/// A job that keeps two cores busy.
const WORK: &str = "for core in 1 2; do head -c 200m /dev/urandom | sha256sum & done; wait";

/// Prints how much longer a job takes while one cell after the other is started.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir_in("/var/tmp")?;
    let provider = provider(folder.path())?;
    let spec = CellSpec {
        images: vec![image("busybox")?],
        ..CellSpec::default()
    };
    let cell = provider.start(&spec).await?;
    job(cell.socket()).await?;
    let (mut alone, mut ahead, mut waited_for) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(job(cell.socket()).await?);
        ahead.push(beside(&provider, true, cell.socket()).await?);
        waited_for.push(beside(&provider, false, cell.socket()).await?);
    }
    cell.kill().await?;
    provider.settled().await;
    let alone = median(&mut alone);
    let ratio = |times: &mut Vec<Duration>| median(times).as_secs_f64() / alone.as_secs_f64();
    report.fact("a job of two busy cores, alone", &ms(alone));
    let slower = ratio(&mut ahead);
    report.row(
        "… while one cell after the other is made ready ahead of demand",
        &format!("{slower:.2} ×"),
        "≤ 1.25 ×",
        slower <= 1.25,
    );
    let slower = ratio(&mut waited_for);
    report.fact("… while runs wait for those cells", &format!("{slower:.2} ×"));
    Ok(())
}

async fn job(socket: &Path) -> Result<Duration> {
    let start = Instant::now();
    docker(socket, &["run", "--rm", "circle/busybox:1", "sh", "-c", WORK]).await?;
    Ok(start.elapsed())
}

/// The job, while cells are started and killed without a pause.
async fn beside(provider: &ProcessProvider, ahead: bool, socket: &Path) -> Result<Duration> {
    let (ended, mut end) = oneshot::channel::<()>();
    let job = async {
        let took = job(socket).await;
        drop(ended);
        took
    };
    let others = async {
        let spec = CellSpec {
            ahead,
            ..CellSpec::default()
        };
        loop {
            tokio::select! {
                started = provider.start(&spec) => { started?.kill().await?; }
                _ = &mut end => return anyhow::Ok(()),
            }
        }
    };
    let (took, others) = tokio::join!(job, others);
    others?;
    took
}
