//! The cell's own root: a tmpfs that shows the host's programs read-only, and nothing else of the host.

use std::fs;
use std::path::Path;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{chdir, pivot_root, sethostname};

use super::dev::make_dev;
use super::etc::make_etc;
use super::order::{CELL_FOLDER, Enter};
use super::tools::{Outcome, bind, bind_read_only, link, make_folder, mount_new};

/// The root itself holds folders and small files only.
const ROOT_BYTES: &str = "mode=0755,size=16m";
/// For the daemon's pid files, sockets and scratch; its large scratch lies in the data root.
const RUN_BYTES: &str = "mode=0755,size=128m";
const TMP_BYTES: &str = "mode=1777,size=256m";

/// Builds the root beneath the cell's folder and moves this process, and all that it will start, into it.
pub(super) fn enter(orders: &Enter) -> Outcome {
    let everything = Path::new("/");
    mount(
        None::<&str>,
        everything,
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .map_err(|error| format!("make the mounts private: {error}"))?;
    let root = orders.folder.join("root");
    mount_new("tmpfs", &root, MsFlags::MS_NOSUID | MsFlags::MS_NODEV, ROOT_BYTES)?;
    show_programs(&root)?;
    make_etc(&root, orders)?;
    make_kernel_views(&root, orders)?;
    make_dev(&root)?;
    mount_new(
        "tmpfs",
        &root.join("run"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        RUN_BYTES,
    )?;
    mount_new(
        "tmpfs",
        &root.join("tmp"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        TMP_BYTES,
    )?;
    for folder in ["root", "var/lib", "var/tmp", "opt"] {
        make_folder(&root.join(folder))?;
    }
    link(Path::new("/run"), &root.join("var/run"))?;
    let cell = root.join(CELL_FOLDER.trim_start_matches('/'));
    bind(&orders.disk, &cell)?;
    bind(&orders.folder.join("run"), &cell.join("run"))?;
    let views = cell.join("views");
    bind(&views, &views)?;
    share(&views)?;
    move_into(&root)?;
    sethostname(&orders.hostname).map_err(|error| format!("set the host name: {error}"))
}

/// What is mounted in a folder later is seen by containers that already show the folder.
pub(super) fn share(folder: &Path) -> Outcome {
    mount(None::<&str>, folder, None::<&str>, MsFlags::MS_SHARED, None::<&str>)
        .map_err(|error| format!("share {}: {error}", folder.display()))
}

/// `/usr` read-only, and `/bin`, `/lib` and their like as they are on the host: links into it, or folders.
pub(super) fn show_programs(root: &Path) -> Outcome {
    bind_read_only(Path::new("/usr"), &root.join("usr"))?;
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        let source = Path::new("/").join(name);
        match fs::read_link(&source) {
            Ok(target) => link(&target, &root.join(name))?,
            Err(_) if source.is_dir() => bind_read_only(&source, &root.join(name))?,
            Err(_) => {}
        }
    }
    Ok(())
}

/// `/proc`, `/sys`, and the cgroup hierarchies at the places that they have on the host.
fn make_kernel_views(root: &Path, orders: &Enter) -> Outcome {
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount_new("proc", &root.join("proc"), quiet, "")?;
    mount_new("sysfs", &root.join("sys"), quiet, "")?;
    let many = orders.cgroups.len() > 1;
    if many {
        mount_new("tmpfs", &root.join("sys/fs/cgroup"), quiet, "mode=0755,size=1m")?;
    }
    for hierarchy in &orders.cgroups {
        let place = root.join(hierarchy.strip_prefix("/").unwrap_or(hierarchy));
        bind(hierarchy, &place)?;
    }
    Ok(())
}

/// Makes `root` the root and lets go of the old one, so that no path leads back to the host.
pub(super) fn move_into(root: &Path) -> Outcome {
    chdir(root).map_err(|error| format!("enter {}: {error}", root.display()))?;
    pivot_root(".", ".").map_err(|error| format!("change the root: {error}"))?;
    umount2(".", MntFlags::MNT_DETACH).map_err(|error| format!("let go of the host's files: {error}"))?;
    chdir("/").map_err(|error| format!("enter the new root: {error}"))
}
