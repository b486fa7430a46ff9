//! Copy-on-write views.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::tools::{Outcome, make_folder};

/// Mounts an overlay. The folders were made by the worker, which has chosen their names.
pub(super) fn mount_view(target: &Path, lowers: &[PathBuf], upper: &Path, work: &Path) -> Outcome {
    make_folder(target)?;
    let mut options = OsString::from("lowerdir=");
    for (number, lower) in lowers.iter().enumerate() {
        if number > 0 {
            options.push(":");
        }
        options.push(lower);
    }
    options.push(",upperdir=");
    options.push(upper);
    options.push(",workdir=");
    options.push(work);
    // A change of owner alone then copies no content; kernels without the option copy it.
    let mut lean = options.clone();
    lean.push(",metacopy=on");
    match mount_overlay(target, &lean) {
        Err(Errno::EINVAL | Errno::EOPNOTSUPP) => mount_overlay(target, &options),
        other => other,
    }
    .map_err(|error| format!("mount a view on {}: {error}", target.display()))
}

fn mount_overlay(target: &Path, options: &OsString) -> Result<(), Errno> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(
        Some("overlay"),
        target,
        Some("overlay"),
        flags,
        Some(options.as_bytes()),
    )
}

/// Unmounts a view and removes its empty mount point.
pub(super) fn unmount_view(target: &Path) -> Outcome {
    umount2(target, MntFlags::empty()).map_err(|error| format!("unmount {}: {error}", target.display()))?;
    std::fs::remove_dir(target).map_err(|error| format!("remove {}: {error}", target.display()))
}
