//! The bound of a cell's disk: a quota group. Where btrfs counts by the first writer it is a group of the second level, of
//! which everything that the cell makes becomes a member. Where it counts by who refers, it is the group that every
//! subvolume has: to add a snapshot to another one there makes the counts of the whole file system wrong, and from then on
//! the kernel (since 6.1) counts nothing and bounds nobody.

use std::fs;
use std::io;
use std::path::Path;

use super::range::{Group, Range, groups_folder, read_number};
use crate::process::run_tool;
use crate::storage::loops::text;
use crate::storage::port::names_in;
use crate::sys::enable_simple_quota;

/// What the kernel tells of its btrfs.
const FEATURE: &str = "/sys/fs/btrfs/features/simple_quota";

/// How a file system counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::storage) enum Quota {
    /// It does not.
    Off,
    /// By who wrote it first (Linux 6.7): cheap, and subvolumes within a cell count to the cell.
    Simple,
    /// By who refers to it. A cell is bounded by what it alone refers to.
    Full,
}

impl Quota {
    /// What a new file system of Circle's own will count with.
    pub(in crate::storage) fn of_this_kernel() -> Self {
        if Path::new(FEATURE).exists() {
            Self::Simple
        } else {
            Self::Full
        }
    }

    /// How the file system of a folder counts now.
    pub(in crate::storage) fn find(folder: &Path) -> Self {
        let Ok(groups) = groups_folder(folder) else {
            return Self::Off;
        };
        match (groups.exists(), fs::read_to_string(groups.join("mode"))) {
            (false, _) => Self::Off,
            (true, Ok(mode)) if mode.trim() == "squota" => Self::Simple,
            (true, _) => Self::Full,
        }
    }

    /// Switches counting on, on a file system of Circle's own.
    pub(super) async fn switch_on(folder: &Path) -> io::Result<Self> {
        if Self::find(folder) == Self::Off && enable_simple_quota(folder).is_err() {
            run_tool("btrfs", &["quota", "enable", text(folder)?], b"").await?;
        }
        Ok(Self::find(folder))
    }

    /// A group that a new disk is to be made in; `None` where it gets none.
    pub(super) async fn group(
        self,
        folder: &Path,
        range: &Range,
        limit_bytes: Option<u64>,
    ) -> io::Result<Option<Group>> {
        let Some(limit) = limit_bytes.filter(|_| self == Self::Simple) else {
            return Ok(None);
        };
        let (group, path) = (range.free(folder)?, text(folder)?);
        run_tool("btrfs", &["qgroup", "create", &group.0, path], b"").await?;
        run_tool("btrfs", &["qgroup", "limit", &limit.to_string(), &group.0, path], b"").await?;
        Ok(Some(group))
    }

    /// Bounds a disk that was just made by its own group; `None` where it has none, or is in one of [`Self::group`]. A
    /// snapshot comes with the bound of what it was made of.
    pub(super) async fn bound(self, disk: &Path, limit_bytes: Option<u64>) -> io::Result<Option<Group>> {
        if self != Self::Full {
            return Ok(None);
        }
        let limit = limit_bytes.map_or_else(|| "none".to_owned(), |limit| limit.to_string());
        run_tool("btrfs", &["qgroup", "limit", "-e", &limit, text(disk)?], b"").await?;
        let printed = run_tool("btrfs", &["inspect-internal", "rootid", text(disk)?], b"").await?;
        let id = String::from_utf8_lossy(&printed);
        Ok(limit_bytes.map(|_| Group(format!("0/{}", id.trim()))))
    }

    /// Counts anew on a file system of Circle's own, when the kernel has lost count: the removal of a large snapshot does
    /// that where it counts by who refers.
    pub(super) async fn recount(self, folder: &Path) -> io::Result<()> {
        let lost = self == Self::Full && read_number(&groups_folder(folder)?.join("inconsistent")) == Some(1);
        if lost {
            // It goes on by itself. One that runs already is as good.
            let _ = run_tool("btrfs", &["quota", "rescan", text(folder)?], b"").await;
        }
        Ok(())
    }

    /// Takes the bound from a dead cell's disk, and from every group of the range but those of living cells.
    pub(super) async fn lift(self, disk: &Path, (folder, range): (&Path, &Range), living: &[Group]) -> io::Result<()> {
        self.bound(disk, None).await?;
        for group in self.groups(folder, range)? {
            if !living.contains(&group) {
                run_tool("btrfs", &["qgroup", "limit", "none", &group.0, text(folder)?], b"").await?;
            }
        }
        Ok(())
    }

    /// Removes groups of the range that nothing counts to any more. What cannot be removed yet is tried again a few
    /// seconds later.
    pub(super) async fn tidy(self, folder: &Path, range: &Range) -> io::Result<()> {
        for group in self.groups(folder, range)? {
            if group.used(folder) == Some(0) {
                // One with members refuses: its cell has written nothing yet.
                let _ = run_tool("btrfs", &["qgroup", "destroy", &group.0, text(folder)?], b"").await;
            }
        }
        Ok(())
    }

    /// The groups of a range that there are.
    fn groups(self, folder: &Path, range: &Range) -> io::Result<Vec<Group>> {
        if self == Self::Off {
            return Ok(Vec::new());
        }
        let names = names_in(&groups_folder(folder)?)?;
        Ok(names.iter().filter_map(|name| range.group(name)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::Quota;

    #[test]
    fn another_file_system_does_not_count() {
        assert_eq!(Quota::find(std::path::Path::new("/proc")), Quota::Off);
    }
}
