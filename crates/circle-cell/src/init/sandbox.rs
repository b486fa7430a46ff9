//! A root for one process that is to see next to nothing: programs, certificates, names, and the folders it was given.

use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::etc::show_shared;
use super::root::{move_into, show_programs};
use super::tools::{Outcome, bind, make_folder, mount_new};

/// Files of `/etc` beside the shared ones.
const NAMES: [&str; 5] = ["passwd", "group", "hosts", "hostname", "resolv.conf"];
/// Devices without power.
const DEVICES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

/// Moves this process into a root of its own. Called in a child between fork and exec.
pub(super) fn see_only(folders: &[PathBuf]) -> Outcome {
    unshare(CloneFlags::CLONE_NEWNS).map_err(|error| format!("a mount namespace: {error}"))?;
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .map_err(|error| format!("make the mounts private: {error}"))?;
    let root = Path::new("/run/sandbox");
    mount_new(
        "tmpfs",
        root,
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        "mode=0755,size=16m",
    )?;
    show_programs(root)?;
    show_shared(&root.join("etc"))?;
    for name in NAMES {
        bind(&Path::new("/etc").join(name), &root.join("etc").join(name))?;
    }
    for name in DEVICES {
        bind(&Path::new("/dev").join(name), &root.join("dev").join(name))?;
    }
    bind(Path::new("/proc"), &root.join("proc"))?;
    mount_new(
        "tmpfs",
        &root.join("tmp"),
        MsFlags::MS_NOSUID | MsFlags::MS_NODEV,
        "mode=1777,size=256m",
    )?;
    for folder in folders {
        let place = root.join(folder.strip_prefix("/").unwrap_or(folder));
        make_folder(&place)?;
        bind(folder, &place)?;
    }
    move_into(root)
}
