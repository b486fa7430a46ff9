//! Subvolumes, through the program `btrfs`.

use std::io;
use std::path::Path;
use std::time::Duration;

use crate::process::{run_tool, run_tool_within};
use crate::remove::remove_tree;
use crate::storage::loops::text;
use crate::storage::port::{DiskUse, io_task};

/// How `find` knows a subvolume: the inode of its top is btrfs' `BTRFS_FIRST_FREE_OBJECTID`.
const NESTED: [&str; 4] = ["-type", "d", "-inum", "256"];
/// A root of some hundred thousand files is looked through well within this.
const SIZE_DEADLINE: Duration = Duration::from_secs(300);
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
///
/// A job may make subvolumes, nest them, freeze them, and give them names that are no text at the end of a path that is too long
/// for the kernel. So they are found by a program that goes from folder to folder and names each one from where it lies.
pub(super) async fn delete_tree(disk: &Path) -> io::Result<()> {
    if !disk.exists() {
        return Ok(());
    }
    if delete(disk).await.is_ok() {
        return Ok(());
    }
    let top = text(disk)?;
    run_tool("btrfs", &["property", "set", "-ts", top, "ro", "false"], b"").await?;
    // First all may be written, from the outermost on; then the deepest goes first.
    let thawed = ["btrfs", "property", "set", "-ts", "{}", "ro", "false", ";"];
    on_nested(&[&[top, "-mindepth", "1"][..], &NESTED, &["-execdir"], &thawed].concat()).await?;
    let deleted = ["btrfs", "subvolume", "delete", "{}", ";"];
    on_nested(&[&[top, "-mindepth", "1", "-depth"][..], &NESTED, &["-execdir"], &deleted].concat()).await?;
    if delete(disk).await.is_ok() {
        return Ok(());
    }
    // Slow, and sure: an empty subvolume goes as an empty folder does.
    let folder = disk.to_path_buf();
    io_task(move || remove_tree(&folder).map(drop)).await
}

async fn delete(disk: &Path) -> io::Result<()> {
    run_tool("btrfs", &["subvolume", "delete", text(disk)?], b"")
        .await
        .map(drop)
}

/// Runs a command for subvolumes within a subvolume. Links are not followed. What fails for one is seen by what is left.
async fn on_nested(arguments: &[&str]) -> io::Result<()> {
    match run_tool_within(SIZE_DEADLINE, "find", arguments, b"").await {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
        Err(error) => {
            tracing::debug!(%error, "not every subvolume of a job could be treated");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
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

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;
    use std::process::Command;

    use super::delete_tree;

    fn ok(program: &str, arguments: &[&OsStr]) {
        let status = Command::new(program).args(arguments).status().expect("started");
        assert!(status.success(), "{program} {arguments:?}: {status}");
    }

    fn make(path: &Path) {
        ok("btrfs", &["subvolume".as_ref(), "create".as_ref(), path.as_os_str()]);
    }

    #[tokio::test]
    async fn what_a_job_nested_froze_or_named_beyond_text_goes_with_its_disk() {
        let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
        let (file, place) = (folder.path().join("file"), folder.path().join("place"));
        std::fs::create_dir(&place).expect("a folder");
        ok("truncate", &["--size=256M".as_ref(), file.as_os_str()]);
        ok("mkfs.btrfs", &["--quiet".as_ref(), file.as_os_str()]);
        ok(
            "mount",
            &["-o".as_ref(), "loop".as_ref(), file.as_os_str(), place.as_os_str()],
        );
        let disk = place.join("disk");
        make(&disk);
        let odd = disk.join(OsStr::from_bytes(b"\xff\n-rf"));
        let inner = odd.join(OsStr::from_bytes(b"\xfe"));
        make(&odd);
        make(&inner);
        std::fs::write(inner.join("word"), "x").expect("a file");
        let frozen = ["property", "set", "-ts"].map(OsStr::new);
        for path in [&inner, &odd] {
            let words = [path.as_os_str(), "ro".as_ref(), "true".as_ref()];
            ok("btrfs", &[&frozen[..], &words[..]].concat());
        }
        let deleted = delete_tree(&disk).await;
        let is_gone = !disk.exists();
        ok("umount", &[place.as_os_str()]);
        deleted.expect("deleted");
        assert!(is_gone);
    }
}
