//! Parts of a view at places of their own.
//!
//! A container may be writing to the view at this moment, so a path that was looked at could lead elsewhere when the engine
//! mounts it. So it is opened step by step, never out of the view, and what was opened is what is mounted.

use std::ffi::OsStr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, fstat, mkdirat};
use nix::unistd::{Gid, Uid, fchownat};

use super::tools::{Outcome, make_folder, write};

/// Shows what a path within a view leads to at `target`, which is made.
pub(super) fn show_part(view: &Path, path: &Path, target: &Path, make: Option<(u32, u32)>) -> Outcome {
    let say = |error: Errno| format!("{} of the checkout cannot be mounted: {error}", path.display());
    let found = find(view, path, make).map_err(say)?;
    let is_folder = SFlag::from_bits_truncate(fstat(&found).map_err(say)?.st_mode).contains(SFlag::S_IFDIR);
    if is_folder {
        make_folder(target)?;
    } else {
        write(target, "")?;
    }
    let source = format!("/proc/self/fd/{}", found.as_raw_fd());
    mount(
        Some(source.as_str()),
        target,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    )
    .map_err(say)
}

/// Opens it without ever leaving the view, whoever changes links meanwhile.
fn find(view: &Path, path: &Path, make: Option<(u32, u32)>) -> Result<OwnedFd, Errno> {
    let mut here = open(
        view,
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    match step(&here, path.as_os_str()) {
        Err(Errno::ENOENT) => {}
        other => return other,
    }
    let owner = make.ok_or(Errno::ENOENT)?;
    for part in path.components() {
        let Component::Normal(name) = part else {
            return Err(Errno::EINVAL);
        };
        match mkdirat(&here, name, Mode::from_bits_truncate(0o755)) {
            Ok(()) => own(&here, name, owner)?,
            Err(Errno::EEXIST) => {}
            Err(error) => return Err(error),
        }
        here = step(&here, name)?;
    }
    Ok(here)
}

fn own(folder: &OwnedFd, name: &OsStr, (uid, gid): (u32, u32)) -> Result<(), Errno> {
    let flags = nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW;
    fchownat(folder, name, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)), flags)
}

fn step(folder: &OwnedFd, path: &OsStr) -> Result<OwnedFd, Errno> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS | ResolveFlag::RESOLVE_NO_XDEV);
    openat2(folder.as_fd(), Path::new(path), how)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};

    use nix::errno::Errno;
    use nix::sys::stat::fstat;
    use nix::unistd::{getgid, getuid};

    use super::find;

    #[test]
    fn sec_34_no_link_leads_out_of_a_view() {
        let root = tempfile::tempdir().expect("a folder");
        let (view, outside) = (root.path().join("view"), root.path().join("outside"));
        fs::create_dir_all(view.join("a/b")).expect("folders");
        fs::create_dir(&outside).expect("a folder");
        symlink("a/b", view.join("within")).expect("a link");
        symlink(&outside, view.join("absolute")).expect("a link");
        symlink("../outside", view.join("up")).expect("a link");
        symlink("/proc/self/root", view.join("magic")).expect("a link");
        let owner = Some((getuid().as_raw(), getgid().as_raw()));

        let found = find(&view, "within".as_ref(), None).expect("a link within");
        let wanted = fs::metadata(view.join("a/b")).expect("the folder");
        assert_eq!(fstat(&found).expect("its facts").st_ino, wanted.ino());
        for path in ["absolute", "up", "magic", "../outside", "a/../../outside", "/etc"] {
            assert!(find(&view, path.as_ref(), None).is_err(), "{path}");
            assert!(find(&view, path.as_ref(), owner).is_err(), "{path}");
            assert!(find(&view, format!("{path}/new").as_ref(), owner).is_err(), "{path}");
        }
        assert_eq!(fs::read_dir(&outside).expect("the folder").count(), 0);
    }

    #[test]
    fn a_missing_folder_is_made_only_when_that_is_asked_for() {
        let view = tempfile::tempdir().expect("a folder");
        assert_eq!(find(view.path(), "x/y".as_ref(), None).err(), Some(Errno::ENOENT));
        let owner = Some((getuid().as_raw(), getgid().as_raw()));
        find(view.path(), "x/y".as_ref(), owner).expect("it is made");
        assert!(view.path().join("x/y").is_dir());
    }
}
