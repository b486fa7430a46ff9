//! Resident memory of server and worker at rest.

use std::collections::BTreeSet;
use std::path::PathBuf;
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

/// What the processes have in memory that run in the control groups called so and below, each page counted once.
pub(crate) fn resident_bytes(name: &str) -> Result<u64> {
    let mut bytes = 0;
    let mut seen = BTreeSet::new();
    for group in groups_of(name)? {
        let pids = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        for pid in pids.lines().filter(|pid| seen.insert((*pid).to_owned())) {
            let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kibi: u64 = line
                .and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok())
                .unwrap_or(0);
            bytes += kibi * 1024;
        }
    }
    Ok(bytes)
}

/// The control groups of all hierarchies that are called so, and all below them.
pub(crate) fn groups_of(name: &str) -> Result<Vec<PathBuf>> {
    // tidy-ok: a measurement only reads which processes there are.
    let mut open = vec![PathBuf::from("/sys/fs/cgroup")];
    let mut found = Vec::new();
    while let Some(group) = open.pop() {
        // A group that went meanwhile has none below.
        let below = std::fs::read_dir(&group).into_iter().flatten().flatten();
        open.extend(below.map(|entry| entry.path()).filter(|path| path.is_dir()));
        if group.components().any(|part| part.as_os_str() == name) {
            found.push(group);
        }
    }
    Ok(found)
}

pub(crate) fn mebi(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}
