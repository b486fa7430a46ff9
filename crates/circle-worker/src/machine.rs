//! How many cells a machine can have, when nobody says it. Pure but for the look at the machine.

use std::num::NonZero;

/// What a cell is counted with when its memory is not bounded: its daemon and a build of ordinary size.
const CELL_BYTES: u64 = 2 << 30;
/// Left to the machine, the worker and a server beside it.
const OWN_BYTES: u64 = 1 << 30;
/// Half of what a run does is waiting: for images, for sidecars, for a registry.
const CELLS_PER_CORE: u64 = 2;
/// More than that is said by somebody who knows the machine.
const MOST_CELLS: u64 = 64;
/// One warm cell for so many places.
const PLACES_PER_WARM: u32 = 4;
/// A warm cell costs some hundred MiB of memory at rest.
const MOST_WARM: u32 = 8;

/// What decides how many cells a machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// All its memory, in bytes; 0 when it does not say.
    pub memory_bytes: u64,
    /// Cores that the worker may use.
    pub cores: u32,
}

impl Machine {
    /// This one.
    pub fn this() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self {
            memory_bytes: memory_bytes(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default()),
            cores: u32::try_from(cores).unwrap_or(u32::MAX),
        }
    }

    /// Cells at the same time: two for a core, as far as the memory goes, one at least and 64 at most.
    /// `cell_bytes` is the bound of a cell's memory, if it has one.
    pub fn max_cells(self, cell_bytes: Option<u64>) -> u32 {
        let by_cores = u64::from(self.cores).saturating_mul(CELLS_PER_CORE);
        let by_memory = self.memory_bytes.saturating_sub(OWN_BYTES) / cell_bytes.unwrap_or(CELL_BYTES).max(1);
        let cells = by_cores.min(by_memory).clamp(1, MOST_CELLS);
        u32::try_from(cells).unwrap_or(1)
    }

    /// The memory of a cell's containers when nobody bounds it: an equal share, and no less than a build of ordinary size
    /// needs, as far as the machine has it. `None`: the machine does not say what it has.
    pub fn cell_memory(self, cells: u32) -> Option<u64> {
        let all = self.memory_bytes.saturating_sub(OWN_BYTES);
        let share = all / u64::from(cells.max(1));
        (all > 0).then(|| share.max(CELL_BYTES.min(all)))
    }
}

/// Cells that stand ready ahead of demand, of so many at the same time: one for four, one at least and eight at most.
pub fn warm_cells(max_cells: u32) -> u32 {
    (max_cells / PLACES_PER_WARM).clamp(1, MOST_WARM)
}

fn memory_bytes(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kibibytes: u64 = line
        .and_then(|line| line.split_whitespace().next())
        .and_then(|word| word.parse().ok())
        .unwrap_or(0);
    kibibytes.saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::{Machine, memory_bytes, warm_cells};

    #[test]
    fn cells_are_counted_by_cores_and_memory() {
        let gib = |count: u64| count << 30;
        for (memory, cores, cell, cells, warm) in [
            (gib(4), 2, None, 1, 1),
            (gib(8), 2, None, 3, 1),
            (gib(24), 2, None, 4, 1),
            (gib(24), 2, Some(gib(10)), 2, 1),
            (gib(32), 8, None, 15, 3),
            (gib(64), 32, Some(gib(1)), 63, 8),
            (gib(4096), 256, None, 64, 8),
            // A machine that says nothing, and one that is too small, can try one.
            (0, 1, None, 1, 1),
            (gib(1), 1, Some(0), 1, 1),
        ] {
            let machine = Machine {
                memory_bytes: memory,
                cores,
            };
            let found = machine.max_cells(cell);
            assert_eq!((found, warm_cells(found)), (cells, warm), "{machine:?} {cell:?}");
        }
    }

    #[test]
    fn a_cell_has_an_equal_share_of_the_memory_and_enough_for_a_build() {
        let gib = 1 << 30;
        for (memory, cells, share) in [
            (25 * gib, 4, Some(6 * gib)),
            (9 * gib, 8, Some(2 * gib)),
            (2 * gib, 1, Some(gib)),
            (2 * gib, 0, Some(gib)),
            (gib / 2, 1, None),
            (0, 4, None),
        ] {
            let machine = Machine {
                memory_bytes: memory,
                cores: 4,
            };
            assert_eq!(machine.cell_memory(cells), share, "{memory} bytes for {cells}");
        }
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(memory_bytes("MemTotal:       2048 kB\nMemFree: 1 kB\n"), 2 << 20);
        assert_eq!(memory_bytes("nothing of it"), 0);
    }
}
