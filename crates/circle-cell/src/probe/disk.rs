//! The disk under the cells.

use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::Fact;
use crate::storage::{Keeps, StorageChoice, foresee};

/// A cell with a tool chain's image and a build needs a few gigabytes.
const ENOUGH_BYTES: u64 = 10 << 30;
const LEAST_BYTES: u64 = 2 << 30;
/// What makes snapshots and bounds possible nearly everywhere.
const ADVICE: &str = "Install btrfs-progs (Debian: apt install btrfs-progs), load btrfs (modprobe btrfs), and give the worker loop devices.";

/// The room, how it is used, and whether a job can fill it.
pub(super) fn facts(state: &Path) -> Vec<Fact> {
    let mut facts = vec![free(state)];
    facts.extend(storage(state));
    facts
}

/// Bytes that may still be written under a path, which needs not be there yet; `None` when that cannot be read.
pub fn free_bytes(path: &Path) -> Option<u64> {
    let numbers = statvfs(existing(path)).ok()?;
    Some(numbers.blocks_available().saturating_mul(numbers.fragment_size()))
}

fn existing(path: &Path) -> &Path {
    let mut folders = path.ancestors();
    folders.find(|folder| folder.exists()).unwrap_or(Path::new("/"))
}

fn free(state: &Path) -> Fact {
    let existing = existing(state);
    let Some(bytes) = free_bytes(existing) else {
        return Fact::warn(
            "disk",
            format!("The free space at {} cannot be read.", existing.display()),
            "Choose a data folder on a local disk.",
        );
    };
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

/// How the files of cells would be stored, and whether a job can fill the machine.
fn storage(state: &Path) -> Vec<Fact> {
    let facts = match foresee(state, StorageChoice::Auto) {
        Ok(facts) => facts,
        Err(why) => {
            let sentence = format!("Cells cannot be stored here: {why}.");
            return vec![Fact::fail("storage", sentence, "Choose a data folder on a local disk.")];
        }
    };
    let storage = if facts.keeps == Keeps::Everything {
        Fact::ok("storage", facts.sentence.clone())
    } else {
        Fact::warn("storage", facts.sentence.clone(), ADVICE)
    };
    let bound = if facts.bounded {
        Fact::ok(
            "disk-limit",
            "The disk of a cell is bounded: a job that fills it dies alone.",
        )
    } else {
        Fact::warn(
            "disk-limit",
            "The disk of a cell is unbounded: a job can fill the file system of the data folder, and runs of strangers \
             are refused.",
            ADVICE,
        )
    };
    vec![storage, bound]
}
