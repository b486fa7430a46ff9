//! The disk under the cells.

use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::Fact;

/// A cell with a tool chain's image and a build needs a few gigabytes.
const ENOUGH_BYTES: u64 = 10 << 30;
const LEAST_BYTES: u64 = 2 << 30;

pub(super) fn free(state: &Path) -> Fact {
    let existing = state
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or(Path::new("/"));
    let Ok(numbers) = statvfs(existing) else {
        return Fact::warn(
            "disk",
            format!("The free space at {} cannot be read.", existing.display()),
            "Choose a data folder on a local disk.",
        );
    };
    let bytes = numbers.blocks_available().saturating_mul(numbers.fragment_size());
    let sentence = format!("{} GiB are free at {}.", bytes >> 30, existing.display());
    match bytes {
        ENOUGH_BYTES.. => Fact::ok("disk", sentence),
        LEAST_BYTES.. => Fact::warn(
            "disk",
            sentence,
            "Free some space: large images and builds will not fit.",
        ),
        _ => Fact::fail(
            "disk",
            sentence,
            "Free some space, or put the data folder on a larger disk.",
        ),
    }
}

/// Quotas come with golden roots; until then this is the truth of every machine.
pub(super) fn bounded() -> Fact {
    Fact::warn(
        "disk-limit",
        "The disk of a cell is unbounded: a job can fill the file system that the data folder is on.",
        "Give the data folder a file system of its own, so that a full one stops nothing else.",
    )
}
