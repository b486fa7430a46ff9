//! Names the bound of the cell that a failed stage ran into.

use std::sync::{Mutex, PoisonError};

use circle_cell::{BoundsHit, Cell};
use circle_core::plan::{PreBuild, Stage, Work};
use circle_core::run::{CellBounds, DiskLeft, Evidence, Failure, speaks_of_room};

use super::log::StageLog;

/// What the cell's bounds count while a try runs.
#[derive(Debug)]
pub(crate) struct Counted {
    before: BoundsHit,
    /// What was counted while the job was still there: the count of a container goes with it.
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    hit: BoundsHit,
    own_memory_kills: u64,
}

impl Counted {
    /// Begins.
    pub(super) fn from_now(cell: &Cell) -> Self {
        Self {
            before: cell.bounds_hit(),
            seen: Mutex::default(),
        }
    }

    /// A command of this container failed, and the container is still there.
    pub(super) fn look(&self, cell: &Cell, container: &str) {
        let (hit, kills) = (self.hit(cell), cell.memory_kills_in(container));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.hit = hit;
        seen.own_memory_kills = seen.own_memory_kills.max(kills);
    }

    /// What was hit since the try began.
    fn hit(&self, cell: &Cell) -> BoundsHit {
        let now = cell.bounds_hit().since(self.before);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner).hit;
        BoundsHit {
            memory: now.memory.max(seen.memory),
            pids: now.pids.max(seen.pids),
        }
    }

    /// Whether a process of this container, which ended a moment ago, was killed by the container's own bound on memory.
    pub(super) fn own_memory_killed(&self, cell: &Cell, container: &str) -> bool {
        self.look(cell, container);
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.own_memory_kills > 0 && seen.hit.memory == 0
    }

    /// The failure of this try, with the bound that explains it.
    pub(super) async fn explain(&self, cell: &Cell, stage: &Stage, log: &StageLog, failure: Failure) -> Failure {
        let hit = self.hit(cell);
        let said = log.tail();
        // Asking the storage makes it write everything down: only for a failure that speaks of room.
        let is_full = speaks_of_room(&failure.message, &said) && cell.disk_is_full().await;
        failure.explained(&Evidence {
            memory_kills: hit.memory,
            refused_forks: hit.pids,
            disk: cell.disk_left().map(|left| DiskLeft {
                // What the file system has left is not all the cell's.
                bytes: if is_full { 0 } else { left.bytes },
                files: left.files,
            }),
            said: &said,
            cell: bounds(cell, is_full),
            own_pids: own_pids(stage),
        })
    }
}

/// The disk's bound counts when it was reached: a storage may have none, and the machine's disk is full before it.
fn bounds(cell: &Cell, is_full: bool) -> CellBounds {
    let limits = cell.limits();
    CellBounds {
        memory_bytes: limits.memory_bytes,
        pids: limits.pids.map(u64::from),
        open_files: limits.open_files.map(u64::from),
        disk_bytes: limits.disk_bytes.filter(|_| is_full),
    }
}

/// The bound on processes that the file sets for the job's own container.
fn own_pids(stage: &Stage) -> Option<u64> {
    match &stage.work {
        Work::Integration { job, .. }
        | Work::PreBuild {
            how: PreBuild::Container { job },
            ..
        }
        | Work::PostBuild { job } => job.container.resources.pids,
        Work::Checkout { .. } | Work::PreBuild { .. } | Work::Build { .. } | Work::Push { .. } => None,
    }
}
