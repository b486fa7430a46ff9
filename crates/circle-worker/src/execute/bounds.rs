//! Names the bound of the cell that a failed stage ran into.

use circle_cell::{BoundsHit, Cell};
use circle_core::plan::{PreBuild, Stage, Work};
use circle_core::run::{CellBounds, DiskLeft, Evidence, Failure, speaks_of_room};

use super::log::StageLog;

/// What the cell's bounds had counted before a try began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Before(BoundsHit);

impl Before {
    pub(super) fn look(cell: &Cell) -> Self {
        Self(cell.bounds_hit())
    }

    /// Whether a process of this container, which ended a moment ago, was killed by the container's own bound on memory.
    pub(super) fn own_memory_killed(self, cell: &Cell, container: &str) -> bool {
        cell.memory_kills_in(container) > 0 && cell.bounds_hit().since(self.0).memory == 0
    }

    /// The failure of this try, with the bound that explains it.
    pub(super) async fn explain(self, cell: &Cell, stage: &Stage, log: &StageLog, failure: Failure) -> Failure {
        let hit = cell.bounds_hit().since(self.0);
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
