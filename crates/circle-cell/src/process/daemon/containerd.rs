//! The daemon's own containerd. The daemon would start another one and go on, with jobs of which it has lost sight; so its
//! end is the end of the cell.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::process::cgroup::CellGroups;
use crate::sys::{open_pidfd, watch};

/// The name of the process, as the kernel cuts it.
const NAME: &str = "containerd";

/// The containerd of a cell whose daemon answers; the descriptor becomes readable when it ends. `Err` = it is not there.
pub(crate) fn containerd_of(groups: &CellGroups) -> io::Result<AsyncFd<OwnedFd>> {
    let is_containerd =
        |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == NAME);
    let pid = groups.daemon_processes().into_iter().find(is_containerd);
    let pid = pid.ok_or_else(|| io::Error::other("the daemon has none"))?;
    watch(open_pidfd(pid)?, Interest::READABLE)
}
