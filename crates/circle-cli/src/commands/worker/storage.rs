//! How a worker stores its cells.

use circle_cell::StorageChoice;
use clap::Args;

const MEBIBYTE: u64 = 1_024 * 1_024;

/// How a worker stores its cells and what it keeps of them.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Worker")]
pub(crate) struct StorageFlags {
    /// How cells are stored: auto, btrfs, reflink or plain; auto is the best that the machine can do
    #[arg(long, env = "CIRCLE_STORAGE", value_name = "KIND", default_value = "auto")]
    pub(crate) storage: StorageChoice,
    /// What a cell may write to its disk, in MiB; 0 = unbounded
    #[arg(long, env = "CIRCLE_CELL_DISK_MIB", value_name = "MIB", default_value_t = 20_480)]
    cell_disk_mib: u64,
    /// What golden roots may take together, in MiB; those used longest ago go first
    #[arg(long, env = "CIRCLE_ROOTS_MIB", value_name = "MIB", default_value_t = 20_480)]
    roots_mib: u64,
    /// Cells of golden roots that stand ready beside the warm ones, for services that run often
    #[arg(long, env = "CIRCLE_WARM_ROOTS", value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=256))]
    pub(crate) warm_roots: u32,
    /// What the storage's own file may grow to, in MiB; nine tenths of the free space when absent
    #[arg(long, env = "CIRCLE_POOL_MIB", value_name = "MIB")]
    pool_mib: Option<u64>,
}

impl StorageFlags {
    pub(crate) fn cell_disk_bytes(&self) -> Option<u64> {
        (self.cell_disk_mib > 0).then(|| self.cell_disk_mib.saturating_mul(MEBIBYTE))
    }

    pub(crate) fn roots_bytes(&self) -> u64 {
        self.roots_mib.saturating_mul(MEBIBYTE)
    }

    pub(crate) fn pool_bytes(&self) -> Option<u64> {
        self.pool_mib.map(|mebibytes| mebibytes.saturating_mul(MEBIBYTE))
    }

    /// The same flags for a child process.
    pub(crate) fn to_arguments(&self) -> impl Iterator<Item = String> {
        let always = [
            format!("--storage={}", self.storage.word()),
            format!("--cell-disk-mib={}", self.cell_disk_mib),
            format!("--roots-mib={}", self.roots_mib),
            format!("--warm-roots={}", self.warm_roots),
        ];
        let pool = self.pool_mib.map(|mebibytes| format!("--pool-mib={mebibytes}"));
        always.into_iter().chain(pool)
    }
}
