//! Resident memory of server and worker at rest.

use std::time::Duration;

use anyhow::{Context, Result};
use circle_test::{Circle, Options};

use crate::figures::Report;

/// How long they rest before they are looked at.
const REST: Duration = Duration::from_secs(5);

/// Prints both.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    tokio::time::sleep(REST).await;
    let [server, worker] = circle.pids();
    for (what, pid, limit_kib) in [("server", server, 50 * 1024), ("worker", worker, 15 * 1024)] {
        let resident = resident_kib(pid.context("it runs")?)?;
        let figure = format!("{:.1} MiB", resident as f64 / 1024.0);
        let goal = format!("≤ {} MiB", limit_kib / 1024);
        report.row(
            &format!("resident memory of the {what} at rest"),
            &figure,
            &goal,
            resident <= limit_kib,
        );
    }
    circle.stop().await
}

/// What the process has in memory now.
pub(crate) fn resident_kib(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("a living process has VmRSS")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
