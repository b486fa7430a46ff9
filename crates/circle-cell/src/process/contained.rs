//! Being in a container: its control groups are shown read-only, and hold this process.

use std::fs;
use std::io;
use std::path::Path;

use nix::mount::{MsFlags, mount};

use super::cgroup::{Hierarchies, Version};

/// On version 2 a group that has processes cannot hand controllers down, so the container's own is left for this one.
const OWN_GROUP: &str = "circle-worker";

/// Takes the control groups of the container whose first process this is: they can be written to, and groups with limits can
/// be made beside this process. Changes nothing where that is so already.
///
/// # Errors
/// When the container was not given the right to.
pub fn take_control_groups() -> io::Result<()> {
    make_writable()?;
    let Some(hierarchies) = Hierarchies::detect() else {
        return Err(io::Error::other(
            "the container has no control groups with a memory controller",
        ));
    };
    if hierarchies.version == Version::Two
        && let Some(top) = hierarchies.mounts().first()
    {
        leave(top)?;
    }
    Ok(())
}

fn leave(top: &Path) -> io::Result<()> {
    let own = top.join(OWN_GROUP);
    fs::create_dir_all(&own)?;
    fs::write(own.join("cgroup.procs"), "0")
}

/// An engine shows a container its control groups read-only unless it is privileged, which not every machine can give.
pub(crate) fn make_writable() -> io::Result<()> {
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    for place in mounts.lines().filter_map(read_only_groups) {
        let flags =
            MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
        mount(None::<&str>, place, None::<&str>, flags, None::<&str>)
            .map_err(|error| io::Error::other(format!("make {place} writable: {error}")))?;
    }
    Ok(())
}

/// The place of a mount of control groups that nobody may write to; see proc_pid_mountinfo(5).
fn read_only_groups(line: &str) -> Option<&str> {
    let (place, rest) = line.split_once(" - ")?;
    let mut place = place.split(' ').skip(4);
    let (place, options) = (place.next()?, place.next()?);
    let wanted = rest.starts_with("cgroup") && options.split(',').any(|option| option == "ro");
    wanted.then_some(place)
}

#[cfg(test)]
mod tests {
    use super::read_only_groups;

    #[test]
    fn only_control_groups_that_are_read_only_are_made_writable() {
        let group = |options: &str, kind: &str| {
            format!("36 25 0:31 /docker/x /sys/fs/cgroup/cpu {options} master:9 - {kind} cgroup rw,cpu")
        };
        assert_eq!(
            read_only_groups(&group("ro,nosuid", "cgroup")),
            Some("/sys/fs/cgroup/cpu")
        );
        assert_eq!(
            read_only_groups(&group("ro,nosuid", "cgroup2")),
            Some("/sys/fs/cgroup/cpu")
        );
        assert_eq!(read_only_groups(&group("rw,nosuid", "cgroup")), None);
        assert_eq!(read_only_groups(&group("ro,nosuid", "tmpfs")), None);
        assert_eq!(read_only_groups("nonsense"), None);
    }
}
