//! The daemon's own containerd. The daemon would start another one and go on, with jobs of which it has lost sight; so its
//! end is the end of the cell.

use std::fs;
use std::io;

use tokio::io::Interest;

use crate::process::cgroup::CellGroups;
use crate::sys::{open_pidfd, watch};

/// The name of the process, as the kernel cuts it.
const NAME: &str = "containerd";

/// Waits until the containerd of a cell whose daemon answers has ended. `Err` = it is not there.
pub(crate) async fn containerd_ended(groups: &CellGroups) -> io::Result<()> {
    let is_containerd =
        |pid: &i32| fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == NAME);
    let pid = groups.daemon_processes().into_iter().find(is_containerd);
    let pid = pid.ok_or_else(|| io::Error::other("the daemon has no containerd"))?;
    let process = watch(open_pidfd(pid)?, Interest::READABLE)?;
    process.readable().await.map(drop)
}
