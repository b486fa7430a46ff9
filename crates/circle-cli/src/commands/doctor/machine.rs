//! Memory and how many cells it carries; the disk is the probe's.

use std::path::Path;

use circle_cell::container::WEAKNESS;
use circle_worker::{Machine, warm_cells};

use super::finding::Finding;
use crate::text::size;

/// A server, a worker and one cell with a daemon and a small build.
const COMFORTABLE_MEMORY_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Where an engine listens that carries cells in containers when nobody names another.
const ENGINE: &str = "/var/run/docker.sock";

/// Memory that programs can have now.
pub(super) fn memory() -> Finding {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let Some(available) = available(&text) else {
        return Finding::limited(
            "memory",
            "The machine does not say how much memory it has.",
            "Mount /proc.",
        );
    };
    let sentence = format!("{} of memory are available.", size(available));
    if available < COMFORTABLE_MEMORY_BYTES {
        return Finding::limited("memory", sentence, "A server, a worker and a build want 2 GiB.");
    }
    Finding::good("memory", sentence)
}

/// How many cells a worker has here when nobody says it.
pub(super) fn cells() -> Finding {
    let max = Machine::this().max_cells(None);
    let warm = warm_cells(max);
    let sentence =
        format!("A worker here has {max} cells at the same time and keeps {warm} warm, unless told otherwise.");
    Finding::good("cells", sentence)
}

/// Whether cells could be made by an engine that is there, and what they would not hold.
pub(super) fn containers() -> Finding {
    let sentence = if Path::new(ENGINE).exists() {
        format!("An engine listens at {ENGINE}, for `circle worker --provider container`: {WEAKNESS}.")
    } else {
        format!("No engine listens at {ENGINE}; only `circle worker --provider container` would need it.")
    };
    Finding::good("containers", sentence)
}

fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::available;

    #[test]
    fn available_memory_is_read_in_bytes() {
        assert_eq!(
            available("MemTotal:  9 kB\nMemAvailable:    2048 kB\n"),
            Some(2_097_152)
        );
        assert_eq!(available("MemAvailable: much\n"), None);
    }
}
