//! File systems in files: loop devices and their mounts, through the system's own programs.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use nix::mount::{MntFlags, umount2};

use crate::process::run_tool;

/// A dead process lets go of its last mounts a moment after it is reaped.
const BUSY_DEADLINE: Duration = Duration::from_secs(5);
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// Mounts the file system in a file. The device goes with the mount, however that goes.
pub(super) async fn mount_file(file: &Path, kind: &str, options: &str, target: &Path) -> io::Result<()> {
    let device = attach(file).await?;
    let target = text(target)?;
    let mounted = run_tool("mount", &["-t", kind, "-o", options, &device, target], b"").await;
    // A device that is detached while it is mounted goes as soon as it is not; one that is not mounted goes at once.
    run_tool("losetup", &["--detach", &device], b"").await?;
    mounted.map(drop)
}

/// Mounts the file system in a file that may be mounted still, out of sight: by whoever has a copy of the table of mounts, or
/// a file open in it. Then it is mounted by the device that it has. The kernel would mount the same file twice through two
/// devices, and ruin it.
pub(super) async fn mount_file_again(file: &Path, kind: &str, options: &str, target: &Path) -> io::Result<()> {
    let deadline = tokio::time::Instant::now() + BUSY_DEADLINE;
    while let Some(device) = detach(file).await?.first() {
        let mounted = run_tool("mount", &["-t", kind, "-o", options, device, text(target)?], b"").await;
        // A device that its last user let go of in between may be another file's by now; a mounted one stays.
        if mounted.is_ok() && devices_of(file).await?.contains(device) {
            return Ok(());
        }
        if mounted.is_ok() {
            unmount(target).await?;
        }
        if tokio::time::Instant::now() > deadline {
            return Err(mounted.err().unwrap_or_else(|| in_use(file, device)));
        }
        tokio::time::sleep(BUSY_PAUSE).await;
    }
    mount_file(file, kind, options, target).await
}

/// A loop device for a file, past the page cache of the host where the file system beneath allows that.
async fn attach(file: &Path) -> io::Result<String> {
    let file = text(file)?;
    let asked = ["--find", "--show", "--direct-io=on", file];
    let printed = match run_tool("losetup", &asked, b"").await {
        Ok(printed) => printed,
        Err(_) => run_tool("losetup", &["--find", "--show", file], b"").await?,
    };
    let device = String::from_utf8_lossy(&printed).trim().to_owned();
    if device.starts_with("/dev/") {
        Ok(device)
    } else {
        Err(io::Error::other(format!("losetup names no device for {file}")))
    }
}

/// Detaches devices of a file that nothing mounts: a crash between attaching and mounting leaves one. One whose lazy mount
/// still has a user is waited for.
pub(super) async fn detach_leftovers(file: &Path) -> io::Result<()> {
    let deadline = tokio::time::Instant::now() + BUSY_DEADLINE;
    while let Some(device) = detach(file).await?.first() {
        if tokio::time::Instant::now() > deadline {
            return Err(in_use(file, device));
        }
        tokio::time::sleep(BUSY_PAUSE).await;
    }
    Ok(())
}

/// Detaches the devices of a file, and gives those that somebody uses still; they go with their last user.
async fn detach(file: &Path) -> io::Result<Vec<String>> {
    for device in devices_of(file).await? {
        // It may be gone by itself by now.
        let _ = run_tool("losetup", &["--detach", &device], b"").await;
    }
    devices_of(file).await
}

async fn devices_of(file: &Path) -> io::Result<Vec<String>> {
    let asked = ["--noheadings", "--output", "NAME", "--associated", text(file)?];
    let printed = run_tool("losetup", &asked, b"").await?;
    let names = String::from_utf8_lossy(&printed);
    Ok(names.split_whitespace().map(str::to_owned).collect())
}

fn in_use(file: &Path, device: &str) -> io::Error {
    io::Error::other(format!("{} is still in use by {device}", file.display()))
}

/// Lets a mounted file system's device see that its file has grown.
pub(super) async fn refresh(target: &Path) -> io::Result<()> {
    let device = source_of(target).ok_or_else(|| io::Error::other(format!("{} is not mounted", target.display())))?;
    run_tool("losetup", &["--set-capacity", &device], b"").await.map(drop)
}

/// What is mounted on exactly this folder.
pub(super) fn source_of(target: &Path) -> Option<String> {
    let wanted = target.to_str()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().rfind(|line| line.split(' ').nth(4) == Some(wanted))?;
    mount.split_once(" - ")?.1.split(' ').nth(1).map(str::to_owned)
}

/// Unmounts, waiting for the last user; what is not mounted is success. Everything written is on its device afterwards.
pub(super) async fn unmount(target: &Path) -> io::Result<()> {
    let deadline = tokio::time::Instant::now() + BUSY_DEADLINE;
    while source_of(target).is_some() {
        let target = target.to_path_buf();
        let outcome = super::io_task(move || umount2(&target, MntFlags::empty()).map_err(io::Error::from)).await;
        match outcome {
            Err(error) if error.raw_os_error() != Some(nix::libc::EBUSY) => return Err(error),
            Err(error) if tokio::time::Instant::now() > deadline => return Err(error),
            Err(_) => tokio::time::sleep(BUSY_PAUSE).await,
            Ok(()) => {}
        }
    }
    Ok(())
}

/// Takes the mount out of sight now; the kernel finishes when its last user is gone.
pub(super) fn unmount_lazily(target: &Path) {
    if source_of(target).is_some()
        && let Err(error) = umount2(target, MntFlags::MNT_DETACH)
    {
        tracing::warn!(%error, folder = %target.display(), "the storage of cells could not be unmounted");
    }
}

/// A path for a program's arguments.
pub(super) fn text(path: &Path) -> io::Result<&str> {
    path.to_str()
        .ok_or_else(|| io::Error::other(format!("the path {} is not UTF-8: choose another", path.display())))
}
