//! The cell's own `/dev`: the harmless devices, terminals and shared memory of its own.

use std::path::Path;

use nix::mount::MsFlags;
use nix::sys::stat::{Mode, SFlag, makedev, mknod, umask};

use super::tools::{Outcome, link, mount_new};

/// Name, major and minor number (Linux' `devices.txt`).
const DEVICES: [(&str, u64, u64); 7] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
    ("fuse", 10, 229),
];

pub(super) fn make_dev(root: &Path) -> Outcome {
    let dev = root.join("dev");
    mount_new("tmpfs", &dev, MsFlags::MS_NOSUID, "mode=0755,size=1m")?;
    let before = umask(Mode::empty());
    let made = make_nodes(&dev);
    umask(before);
    made?;
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    mount_new(
        "devpts",
        &dev.join("pts"),
        quiet,
        "newinstance,ptmxmode=0666,mode=0620,gid=5",
    )?;
    mount_new(
        "tmpfs",
        &dev.join("shm"),
        quiet | MsFlags::MS_NODEV,
        "mode=1777,size=64m",
    )?;
    mount_new("mqueue", &dev.join("mqueue"), quiet | MsFlags::MS_NODEV, "")?;
    for (name, target) in [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        link(Path::new(target), &dev.join(name))?;
    }
    Ok(())
}

fn make_nodes(dev: &Path) -> Outcome {
    for (name, major, minor) in DEVICES {
        mknod(
            &dev.join(name),
            SFlag::S_IFCHR,
            Mode::from_bits_truncate(0o666),
            makedev(major, minor),
        )
        .map_err(|error| format!("make /dev/{name}: {error}"))?;
    }
    Ok(())
}
