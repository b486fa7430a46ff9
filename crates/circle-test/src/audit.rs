//! The debris audit: many runs, a third of them cancelled, a sixth under a worker that is killed, some under a daemon that is
//! killed; afterwards the machine is as before. And the soak: many short runs, and nothing grows.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::Signal;

use crate::debris::Scope;
use crate::disks::unneeded;
use crate::files::{grown, sizes};
use crate::{Circle, Options, StoryRun, StoryService, until};

/// How much is audited.
#[derive(Debug, Clone, Copy)]
pub struct AuditWish {
    /// Runs of which some are disturbed.
    pub runs: usize,
    /// Short runs that only succeed; 0 = no soak.
    pub soak: usize,
    /// Where debris is looked for.
    pub scope: Scope,
}

/// What was found out, to be told.
#[derive(Debug, Clone, Default)]
pub struct AuditReport {
    pub succeeded: usize,
    pub cancelled: usize,
    pub workers_killed: usize,
    pub daemons_killed: usize,
    /// Things of a cell's kinds on the machine before and after.
    pub things: usize,
    pub soak: Vec<SoakLook>,
}

/// What server, worker and disk held at one moment of the soak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SoakLook {
    pub runs: usize,
    pub server: ProcessLook,
    pub worker: ProcessLook,
    /// Of the worker.
    pub disk_bytes: u64,
    /// Of all files of the server.
    pub server_bytes: u64,
}

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLook {
    /// In memory.
    pub bytes: u64,
    /// Files, sockets and pipes.
    pub descriptors: usize,
}

/// What is done to a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disturbance {
    Nothing,
    Cancel,
    KillWorker,
    KillDaemon,
}

/// Where a run is when it is disturbed.
const MOMENTS: [&str; 5] = ["checkout", "integration", "pre_build", "build", "post_build"];
/// The last of a killed cell is gone by then.
const GONE_LIMIT: Duration = Duration::from_secs(30);
/// A look-after comes every five seconds, and btrfs forgets a removed disk with a commit of every thirty.
const UNNEEDED_LIMIT: Duration = Duration::from_secs(120);
/// A worker's memory may wander so far without growing: its allocator keeps what it once needed.
const MEMORY_SLACK_BYTES: u64 = 8 << 20;
/// A server's as well, and its indexes hold some hundred bytes of every run.
const SERVER_SLACK_BYTES: u64 = 24 << 20;
/// A run that is being reported holds a few, a cell that is being started a dozen; a leak of one a run would be hundreds.
const DESCRIPTOR_SLACK: usize = 16;
/// Of disk, after the cells are gone.
const DISK_SLACK_BYTES: u64 = 1 << 20;
/// How many looks a soak takes.
const SOAK_LOOKS: usize = 6;

/// Runs the audit; `tell` hears how it goes.
///
/// # Errors
/// When a run ends otherwise than it should, or anything is left or grows.
pub async fn audit(wish: AuditWish, mut tell: impl FnMut(&str)) -> Result<AuditReport> {
    let mut circle = Circle::start(Options {
        lease_ms: Some(3_000),
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    let mut report = AuditReport::default();
    circle.stop_worker().await?;
    let before = circle.debris_in(wish.scope)?;
    circle.start_worker().await?;

    write_slow_pipeline(&shop)?;
    for number in 0..wish.runs {
        let disturbance = disturbance(number);
        let moment = MOMENTS[number % MOMENTS.len()];
        let run = shop.push("main").await?;
        let word = disturb(&mut circle, &run, (disturbance, moment), &mut report).await?;
        tell(&format!("run {}: {disturbance:?} at {moment}: {word}", number + 1));
    }
    if wish.soak > 0 {
        soak(&circle, &shop, (wish.soak, &mut report), &mut tell).await?;
    }

    let cells = circle.worker_folder().join("cells");
    until("the storage holds only what is needed", UNNEEDED_LIMIT, || async {
        match unneeded(&cells) {
            found if found.is_empty() => Ok(()),
            found => Err(format!("{found:#?}")),
        }
    })
    .await?;
    circle.stop_worker().await?;
    report.things = until("the machine is as before", GONE_LIMIT, || async {
        let now = circle.debris_in(wish.scope).map_err(|error| error.to_string())?;
        match now.beyond(&before) {
            left if left.is_empty() => Ok(now.len()),
            left => Err(format!("{} things are left: {left:#?}", left.len())),
        }
    })
    .await?;
    circle.stop().await?;
    Ok(report)
}

/// Of twelve: four cancelled, two under a killed worker, one under a killed daemon.
fn disturbance(number: usize) -> Disturbance {
    match number % 12 {
        1 | 4 | 7 | 10 => Disturbance::Cancel,
        2 | 8 => Disturbance::KillWorker,
        5 => Disturbance::KillDaemon,
        _ => Disturbance::Nothing,
    }
}

/// Each stage lasts long enough to be disturbed, and writes something.
fn write_slow_pipeline(shop: &StoryService) -> Result<()> {
    let slow = "dd if=/dev/urandom of=made bs=64k count=16 conv=fsync 2>/dev/null; sleep 0.5";
    shop.write(
        "caicloud.yml",
        format!(
            "version: 1\n\
             integration:\n  image: circle/busybox:1\n  commands: [\"{slow}\"]\n\
             pre_build:\n  image: circle/busybox:1\n  commands: [\"{slow}\"]\n  outputs: [made]\n\
             build: {{}}\n\
             post_build:\n  image: BUILT_IMAGE\n  commands: [\"sleep 0.5\"]\n"
        ),
    )?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nCOPY made /made\nRUN sleep 0.5\n")
}

async fn disturb(
    circle: &mut Circle,
    run: &StoryRun,
    (disturbance, moment): (Disturbance, &str),
    report: &mut AuditReport,
) -> Result<&'static str> {
    if disturbance != Disturbance::Nothing {
        run.reaches(moment).await?;
    }
    match disturbance {
        Disturbance::Nothing => {}
        // A run may be over before the wish arrives, which is no error.
        Disturbance::Cancel => drop(run.cancel().await),
        Disturbance::KillWorker => {
            circle.kill_worker().await?;
            circle.start_worker().await?;
            report.workers_killed += 1;
        }
        Disturbance::KillDaemon => report.daemons_killed += circle.signal_in_cells("dockerd", Signal::SIGKILL)?,
    }
    let ended = run.ended().await?;
    let word = ended.run.state.word();
    match (disturbance, word) {
        (Disturbance::Cancel, "cancelled") => report.cancelled += 1,
        (_, "succeeded") => report.succeeded += 1,
        // One that had begun to push is not tried again.
        (Disturbance::KillDaemon, "failed")
            if ended
                .run
                .message
                .as_deref()
                .is_some_and(|why| why.contains("cell died")) => {}
        _ => bail!(
            "after {disturbance:?} at {moment} the run {word}: {:?}",
            ended.run.message
        ),
    }
    Ok(word)
}

async fn soak(
    circle: &Circle,
    shop: &StoryService,
    (runs, report): (usize, &mut AuditReport),
    tell: &mut impl FnMut(&str),
) -> Result<()> {
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [\"true\"]\n",
    )?;
    let between = (runs / SOAK_LOOKS).max(1);
    let server = circle.server_folder();
    let mut files = None;
    for number in 1..=runs {
        shop.push("main").await?.succeeds().await?;
        if number % between == 0 {
            let look = look(circle, number)?;
            tell(&format!(
                "soak, {number} runs: server {} and {} KiB of files, worker {} and {} KiB of disk",
                look.server,
                look.server_bytes >> 10,
                look.worker,
                look.disk_bytes >> 10
            ));
            files.get_or_insert_with(|| sizes(&server));
            report.soak.push(look);
        }
    }
    let (Some(first), Some(last), Some(files)) = (report.soak.first(), report.soak.last(), files) else {
        return Ok(());
    };
    let left = grown(&files, &sizes(&server), (runs - first.runs) as u64);
    ensure!(left.is_empty(), "files of the server grew: {left:#?}");
    ensure!(
        !last.worker.has_grown(first.worker, MEMORY_SLACK_BYTES)
            && !last.server.has_grown(first.server, SERVER_SLACK_BYTES)
            && last.disk_bytes <= first.disk_bytes + DISK_SLACK_BYTES,
        "something grew: {:#?}",
        report.soak
    );
    Ok(())
}

fn look(circle: &Circle, runs: usize) -> Result<SoakLook> {
    let [server, worker] = circle.pids();
    Ok(SoakLook {
        runs,
        server: ProcessLook::of(server.context("a server runs")?)?,
        worker: ProcessLook::of(worker.context("a worker runs")?)?,
        // Cells that stand ready hold a daemon's files; what counts is what lies beside them.
        disk_bytes: bytes_beneath(&circle.worker_folder(), &["cells/cells"]),
        server_bytes: sizes(&circle.server_folder()).values().sum(),
    })
}

impl ProcessLook {
    fn of(pid: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .context("a size")?;
        let kibibytes: u64 = resident.trim().trim_end_matches(" kB").parse()?;
        Ok(Self {
            bytes: kibibytes << 10,
            descriptors: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        })
    }

    fn has_grown(self, before: Self, slack_bytes: u64) -> bool {
        self.bytes > before.bytes + slack_bytes || self.descriptors > before.descriptors + DESCRIPTOR_SLACK
    }
}

impl std::fmt::Display for ProcessLook {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} KiB and {} descriptors", self.bytes >> 10, self.descriptors)
    }
}

fn bytes_beneath(folder: &Path, without: &[&str]) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries
        .filter(|entry| !without.iter().any(|path| entry.path().ends_with(path)))
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => bytes_beneath(&entry.path(), without),
            Ok(found) => std::os::unix::fs::MetadataExt::blocks(&found) * 512,
            Err(_) => 0,
        });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::{DESCRIPTOR_SLACK, MEMORY_SLACK_BYTES, ProcessLook};

    #[test]
    fn a_process_that_keeps_memory_or_descriptors_has_grown() {
        let look = || ProcessLook::of(std::process::id()).expect("this process");
        let before = look();
        let files: Vec<File> = (0..=DESCRIPTOR_SLACK)
            .map(|_| File::open("/").expect("a folder"))
            .collect();
        assert!(look().has_grown(before, 1 << 40), "open files are not seen");
        drop(files);
        let memory = vec![7_u8; 2 * usize::try_from(MEMORY_SLACK_BYTES).expect("a size")];
        assert!(look().has_grown(before, MEMORY_SLACK_BYTES), "memory is not seen");
        assert_eq!(memory.last(), Some(&7));
        assert!(!before.has_grown(before, 0));
    }
}
