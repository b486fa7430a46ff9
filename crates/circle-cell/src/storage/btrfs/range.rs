//! Which quota groups are this storage's own.
//!
//! A file system may have groups of others: an operator's, a backup program's, those of a worker with another data folder.
//! Circle's stand at a level that nobody else uses, and each storage has a range of numbers there, which is drawn once and
//! written down beside its disks: so a group is known by its name, also after a crash.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::storage::port::names_in;
use crate::sys::btrfs_id;

/// The letters CI. People and programs use the first few levels of 65,535.
const LEVEL: u64 = 0x4349;
/// A group's number has 48 bits: those of the range, and so many for the group in it.
const GROUP_BITS: u32 = 24;
/// The file beside the disks in which the range stands.
const FILE: &str = "quota-range";
/// How near to its bound a cell counts as full: what a failed write had asked for is given back.
const FULL_PART: u64 = 50;
/// Where the kernel tells of its btrfs file systems.
const SYSFS: &str = "/sys/fs/btrfs";

/// The numbers of one storage's groups.
#[derive(Debug)]
pub(super) struct Range {
    number: u64,
    last: AtomicU64,
}

impl Range {
    /// The range that is written down in the folder, else one that no group of the file system is in.
    pub(super) fn of(folder: &Path) -> io::Result<Self> {
        let file = folder.join(FILE);
        let known = read_number(&file).filter(|number| number >> GROUP_BITS == 0);
        let range = Self {
            number: known.map_or_else(|| draw(folder), Ok)?,
            last: AtomicU64::new(0),
        };
        if known.is_none() {
            let fresh = file.with_extension("new");
            let mut written = File::create(&fresh)?;
            writeln!(written, "{}", range.number)?;
            written.sync_all()?;
            fs::rename(fresh, file)?;
        }
        Ok(range)
    }

    /// A group that is not there yet. One that is gone may come again: nothing counts to it any more.
    pub(super) fn free(&self, folder: &Path) -> io::Result<Group> {
        let groups = groups_folder(folder)?;
        for _ in 0..1 << GROUP_BITS {
            let next = (self.last.fetch_add(1, Ordering::Relaxed) + 1) % (1 << GROUP_BITS);
            let group = Group(format!("{LEVEL}/{}", (self.number << GROUP_BITS) + next));
            if !groups.join(group.name()).exists() {
                return Ok(group);
            }
        }
        Err(io::Error::other("every quota group of the storage of cells is in use"))
    }

    /// The group of this range that the kernel calls so: `<level>_<number>`.
    pub(super) fn group(&self, name: &str) -> Option<Group> {
        let number = number_at_level(name)?;
        (number >> GROUP_BITS == self.number).then(|| Group(format!("{LEVEL}/{number}")))
    }
}

/// The number of a group at Circle's level.
fn number_at_level(name: &str) -> Option<u64> {
    let (level, number) = name.split_once('_')?;
    if level.parse() != Ok(LEVEL) {
        return None;
    }
    number.parse().ok()
}

/// A range by chance, in which the file system has no group.
fn draw(folder: &Path) -> io::Result<u64> {
    let names = groups_folder(folder).map_or_else(|_| Ok(Vec::new()), |groups| names_in(&groups))?;
    let taken = |range: u64| {
        let mut numbers = names.iter().filter_map(|name| number_at_level(name));
        numbers.any(|number| number >> GROUP_BITS == range)
    };
    let random = std::iter::repeat_with(|| RandomState::new().hash_one(0) >> (64 - GROUP_BITS));
    let mut free = random.take(1000).filter(|range| !taken(*range));
    free.next()
        .ok_or_else(|| io::Error::other("no range of quota groups is free for the storage of cells"))
}

/// The quota group of one cell: `<level>/<number>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group(pub(super) String);

impl Group {
    /// Whether the group is as good as full.
    pub(super) fn is_full(&self, folder: &Path) -> bool {
        let bounds = self.bounds(folder);
        bounds.into_iter().any(|(used, most)| used >= most - most / FULL_PART)
    }

    /// How much its cell may still write, in bytes; 0 when nothing bounds it.
    pub(super) fn unspent(&self, folder: &Path) -> u64 {
        let bounds = self.bounds(folder).into_iter();
        bounds.map(|(used, most)| most.saturating_sub(used)).min().unwrap_or(0)
    }

    /// What counts to it and its bound, of either kind.
    fn bounds(&self, folder: &Path) -> Vec<(u64, u64)> {
        let Ok(own) = self.folder(folder) else {
            return Vec::new();
        };
        let kinds = [("referenced", "max_referenced"), ("exclusive", "max_exclusive")];
        let read = |name: &str| read_number(&own.join(name));
        let bounds = kinds.into_iter().filter_map(|(used, most)| read(used).zip(read(most)));
        bounds.filter(|(_, most)| *most > 0).collect()
    }

    /// What counts to it, in bytes.
    pub(super) fn used(&self, folder: &Path) -> Option<u64> {
        read_number(&self.folder(folder).ok()?.join("referenced"))
    }

    /// As the kernel calls it.
    fn name(&self) -> String {
        self.0.replace('/', "_")
    }

    fn folder(&self, folder: &Path) -> io::Result<PathBuf> {
        Ok(groups_folder(folder)?.join(self.name()))
    }
}

pub(super) fn read_number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The kernel's folder of a file system's groups.
pub(super) fn groups_folder(folder: &Path) -> io::Result<PathBuf> {
    Ok(Path::new(SYSFS).join(btrfs_id(folder)?).join("qgroups"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::{GROUP_BITS, Group, LEVEL, Range};

    #[test]
    fn only_groups_of_its_own_range_are_a_storages() {
        let range = Range {
            number: 7,
            last: AtomicU64::new(0),
        };
        let first = 7 << GROUP_BITS;
        for foreign in [
            "1_0".to_owned(),
            "0_5".to_owned(),
            format!("1_{first}"),
            format!("{LEVEL}_1"),
            format!("{LEVEL}_{}", first - 1),
            format!("{LEVEL}_{}", first + (1 << GROUP_BITS)),
            "mode".to_owned(),
        ] {
            assert_eq!(range.group(&foreign), None, "{foreign}");
        }
        let own = range.group(&format!("{LEVEL}_{}", first + 1));
        assert_eq!(own, Some(Group(format!("{LEVEL}/{}", first + 1))));
    }

    #[test]
    fn a_range_is_drawn_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Range::of(folder.path()).expect("a range");
        assert_eq!(Range::of(folder.path()).expect("the range").number, first.number);
        let other = tempfile::tempdir().expect("a folder");
        let numbers = (0..3).map(|_| {
            let _ = std::fs::remove_file(other.path().join("quota-range"));
            Range::of(other.path()).expect("a range").number
        });
        assert!(numbers.collect::<Vec<_>>() != [first.number; 3], "ranges do not differ");
    }
}
