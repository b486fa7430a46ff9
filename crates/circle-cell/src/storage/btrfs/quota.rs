//! The bound of a cell's disk: a quota group of its own, of which everything that the cell makes becomes a member.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::process::run_tool;
use crate::storage::loops::text;
use crate::storage::port::names_in;
use crate::sys::{btrfs_id, enable_simple_quota};

/// How near to its bound a cell counts as full: what a failed write had asked for is given back.
const FULL_PART: u64 = 50;
/// Group numbers have 48 bits; those of cells begin with the time, so that none is used twice.
const GROUP_BITS: u64 = (1 << 48) - 1;
/// Where the kernel tells of its btrfs file systems.
const SYSFS: &str = "/sys/fs/btrfs";

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
        if Path::new(SYSFS).join("features/simple_quota").exists() {
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

    /// A group for a new cell; `None` when nothing bounds it.
    pub(super) async fn group(self, folder: &Path, limit_bytes: Option<u64>) -> io::Result<Option<Group>> {
        let Some(limit) = limit_bytes.filter(|_| self != Self::Off) else {
            return Ok(None);
        };
        let (group, path, limit) = (Group::new(), text(folder)?, limit.to_string());
        run_tool("btrfs", &["qgroup", "create", &group.0, path], b"").await?;
        let arguments = match self {
            Self::Full => vec!["qgroup", "limit", "-e", &limit, &group.0, path],
            Self::Simple | Self::Off => vec!["qgroup", "limit", &limit, &group.0, path],
        };
        run_tool("btrfs", &arguments, b"").await?;
        Ok(Some(group))
    }

    /// Takes the bound from every group but those of living cells.
    pub(super) async fn lift(self, folder: &Path, living: &[Group]) -> io::Result<()> {
        if self == Self::Off {
            return Ok(());
        }
        for name in names_in(&groups_folder(folder)?)? {
            let group = Group(name.replace('_', "/"));
            if group.0.starts_with("1/") && !living.contains(&group) {
                for arguments in [vec!["qgroup", "limit", "none"], vec!["qgroup", "limit", "-e", "none"]] {
                    let arguments = [arguments, vec![&group.0, text(folder)?]].concat();
                    run_tool("btrfs", &arguments, b"").await?;
                }
            }
        }
        Ok(())
    }

    /// Removes groups that nothing counts to any more. What cannot be removed yet is tried again with the next cell.
    pub(super) async fn tidy(self, folder: &Path) -> io::Result<()> {
        if self == Self::Off {
            return Ok(());
        }
        let groups = groups_folder(folder)?;
        for name in names_in(&groups)? {
            let number = |file: &str| read_number(&groups.join(&name).join(file));
            let Some(id) = name.strip_prefix("1_").filter(|_| number("referenced") == Some(0)) else {
                continue;
            };
            // One with members refuses: its cell has written nothing yet.
            let _ = run_tool("btrfs", &["qgroup", "destroy", &format!("1/{id}"), text(folder)?], b"").await;
        }
        Ok(())
    }
}

/// A quota group of one cell, `1/<number>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group(pub(super) String);

impl Group {
    fn new() -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX) & GROUP_BITS;
        let last = LAST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(now.max(last + 1)));
        let (Ok(last) | Err(last)) = last;
        Self(format!("1/{}", now.max(last + 1) & GROUP_BITS))
    }

    /// Whether the group is as good as full.
    pub(super) fn is_full(&self, folder: &Path) -> bool {
        let Ok(groups) = groups_folder(folder) else {
            return false;
        };
        let own = groups.join(self.0.replace('/', "_"));
        let near = |used: &str, most: &str| match (read_number(&own.join(used)), read_number(&own.join(most))) {
            (Some(used), Some(most)) if most > 0 => used >= most - most / FULL_PART,
            _ => false,
        };
        near("referenced", "max_referenced") || near("exclusive", "max_exclusive")
    }
}

fn read_number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The kernel's folder of a file system's groups.
fn groups_folder(folder: &Path) -> io::Result<PathBuf> {
    Ok(Path::new(SYSFS).join(btrfs_id(folder)?).join("qgroups"))
}

#[cfg(test)]
mod tests {
    use super::{Group, Quota};

    #[test]
    fn no_group_is_used_twice() {
        let groups: std::collections::BTreeSet<Group> = (0..1000).map(|_| Group::new()).collect();
        assert_eq!(groups.len(), 1000);
    }

    #[test]
    fn another_file_system_does_not_count() {
        assert_eq!(Quota::find(std::path::Path::new("/proc")), Quota::Off);
    }
}
