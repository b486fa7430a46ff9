//! Subvolumes, through the program `btrfs`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::stat::stat;

use crate::process::{run_tool, run_tool_within};
use crate::storage::loops::text;
use crate::storage::port::{DiskUse, io_task};

/// The inode of every subvolume's top (btrfs' `BTRFS_FIRST_FREE_OBJECTID`).
const TOP_INODE: u64 = 256;
/// A root of some hundred thousand files is looked through well within this.
const SIZE_DEADLINE: Duration = Duration::from_secs(300);
/// Subvolumes within a cell's are few; deeper nesting than this is somebody's game, and ends with an error.
const MOST_NESTED: usize = 10_000;

/// Makes a subvolume: empty, or a snapshot that can be written. It is counted to the quota group from its first byte.
pub(super) async fn create(disk: &Path, from: Option<&Path>, group: Option<&str>) -> io::Result<()> {
    let mut arguments = vec!["subvolume"];
    arguments.push(if from.is_some() { "snapshot" } else { "create" });
    if let Some(group) = group {
        arguments.extend(["-i", group]);
    }
    if let Some(from) = from {
        arguments.push(text(from)?);
    }
    arguments.push(text(disk)?);
    run_tool("btrfs", &arguments, b"").await.map(drop)
}

/// Makes a subvolume read-only.
pub(super) async fn freeze(disk: &Path) -> io::Result<()> {
    run_tool("btrfs", &["property", "set", "-ts", text(disk)?, "ro", "true"], b"")
        .await
        .map(drop)
}

/// Deletes a subvolume and those that somebody made within it; one that is not there is success.
pub(super) async fn delete_tree(disk: &Path) -> io::Result<()> {
    if !disk.exists() {
        return Ok(());
    }
    if delete(disk).await.is_ok() {
        return Ok(());
    }
    // What a job made in the cell is in the way, or it is frozen; the deepest goes first.
    run_tool("btrfs", &["property", "set", "-ts", text(disk)?, "ro", "false"], b"").await?;
    let top = disk.to_path_buf();
    for nested in io_task(move || nested_in(&top)).await? {
        delete(&nested).await?;
    }
    delete(disk).await
}

async fn delete(disk: &Path) -> io::Result<()> {
    run_tool("btrfs", &["subvolume", "delete", text(disk)?], b"")
        .await
        .map(drop)
}

/// Subvolumes within a subvolume, the deepest first. Links are not followed.
fn nested_in(top: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![top.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)?.flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.path();
            if stat(&path)?.st_ino == TOP_INODE {
                found.push(path.clone());
            }
            folders.push(path);
        }
        if found.len() > MOST_NESTED {
            return Err(io::Error::other(format!(
                "more than {MOST_NESTED} subvolumes are in {}",
                top.display()
            )));
        }
    }
    found.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
    Ok(found)
}

/// Everything in a subvolume, and what of it no other subvolume shares.
pub(super) async fn use_of(disk: &Path) -> io::Result<DiskUse> {
    // What was written a moment ago has no place on the disk yet, and would count nothing.
    run_tool_within(SIZE_DEADLINE, "btrfs", &["filesystem", "sync", text(disk)?], b"").await?;
    let arguments = ["filesystem", "du", "--summarize", "--raw", text(disk)?];
    let printed = run_tool_within(SIZE_DEADLINE, "btrfs", &arguments, b"").await?;
    let printed = String::from_utf8_lossy(&printed);
    let mut numbers = printed.lines().nth(1).unwrap_or_default().split_whitespace();
    let mut next = || numbers.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    Ok(DiskUse {
        total_bytes: next(),
        own_bytes: next(),
    })
}
