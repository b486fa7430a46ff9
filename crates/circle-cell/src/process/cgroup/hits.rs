//! How often a cell's limits were hit. The engine says only "exit code 137"; this names the bound.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::Version;
use crate::BoundsHit;

/// Watches the limits on one cell's jobs. Dropping it ends the watch; nothing of it outlives the cgroup.
#[derive(Debug)]
pub(crate) struct Hits {
    version: Version,
    /// The jobs' group that counts memory, and the one that counts processes.
    memory: PathBuf,
    pids: Option<PathBuf>,
    /// Version 1 tells of each kill through a descriptor and keeps no count for a parent.
    kills: Option<EventFd>,
    counted: Mutex<u64>,
}

impl Hits {
    pub(crate) fn watch(version: Version, memory: PathBuf, pids: Option<PathBuf>) -> io::Result<Self> {
        let kills = match version {
            Version::One => Some(hear_of_kills(&memory)?),
            Version::Two => None,
        };
        Ok(Self {
            version,
            memory,
            pids,
            kills,
            counted: Mutex::new(0),
        })
    }

    /// How often each limit was hit so far. Zero once the cell's groups are gone, unless it was asked before.
    pub(crate) fn so_far(&self) -> BoundsHit {
        let memory = match self.version {
            Version::One => self.heard(),
            // Of this group alone: what containers with a bound of their own do is not the cell's bound.
            Version::Two => event_count(&self.memory.join("memory.events.local"), "oom"),
        };
        let pids = self
            .pids
            .as_deref()
            .map_or(0, |jobs| refused_forks(jobs).max(u64::from(was_full(jobs))));
        BoundsHit { memory, pids }
    }

    /// Processes of one container that were killed for lack of memory, for whosever bound. 0 once the container has ended.
    pub(crate) fn kills_in(&self, container: &str) -> u64 {
        let group = self.memory.join(container);
        match self.version {
            Version::One => event_count(&group.join("memory.oom_control"), "oom_kill"),
            Version::Two => event_count(&group.join("memory.events"), "oom_kill"),
        }
    }

    fn heard(&self) -> u64 {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing new is an error of its own here ("try again").
        *counted += self.kills.as_ref().and_then(|kills| kills.read().ok()).unwrap_or(0);
        *counted
    }
}

/// Version 1: "event descriptor, control descriptor" written to `cgroup.event_control` (kernel's cgroup-v1/memory).
fn hear_of_kills(group: &Path) -> io::Result<EventFd> {
    let kills = EventFd::from_value_and_flags(0, EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
    let control = File::open(group.join("memory.oom_control"))?;
    fs::write(
        group.join("cgroup.event_control"),
        format!("{} {}", kills.as_raw_fd(), control.as_raw_fd()),
    )?;
    Ok(kills)
}

/// Some kernels count a refused fork where it was tried, others where the limit stands.
fn refused_forks(group: &Path) -> u64 {
    let below = fs::read_dir(group).into_iter().flatten().flatten();
    let folders = below
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path());
    event_count(&group.join("pids.events"), "max") + folders.map(|folder| refused_forks(&folder)).sum::<u64>()
}

/// A job that could not fork may be gone, and its own count with it; the highest number ever stays with the limit.
fn was_full(jobs: &Path) -> bool {
    let number = |file: &str| fs::read_to_string(jobs.join(file)).ok()?.trim().parse::<u64>().ok();
    matches!((number("pids.peak"), number("pids.max")), (Some(peak), Some(most)) if peak >= most)
}

/// The number behind a word, one pair on each line.
fn event_count(file: &Path, word: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let count = |line: &str| line.strip_prefix(word)?.strip_prefix(' ')?.trim().parse().ok();
    text.lines().find_map(count).unwrap_or(0)
}
