//! The programs that carry a worker's cells, to be stopped or killed under it.

use std::fs;

use anyhow::{Context, Result};
use circle_cell::process::instance_name;
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Circle;

impl Circle {
    /// The processes by this name in the worker's cells.
    ///
    /// # Errors
    /// When the machine does not answer.
    pub fn in_cells(&self, name: &str) -> Result<Vec<Pid>> {
        let mark = format!("/circle/{}-", instance_name(&self.worker_folder().join("cells")));
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let read = |name: &str| fs::read_to_string(entry.path().join(name)).unwrap_or_default();
            if read("comm").trim() == name && read("cgroup").contains(&mark) {
                let number = entry.file_name().to_string_lossy().parse();
                found.push(Pid::from_raw(number.context("a process has a number")?));
            }
        }
        Ok(found)
    }

    /// Sends all of them a signal; gives how many there were.
    ///
    /// # Errors
    /// When one cannot be sent to; one that has ended meanwhile is none.
    pub fn signal_in_cells(&self, name: &str, signal: Signal) -> Result<usize> {
        let mut reached = 0;
        for pid in self.in_cells(name)? {
            match kill(pid, signal) {
                Ok(()) => reached += 1,
                Err(Errno::ESRCH) => {}
                Err(error) => return Err(error).context("the signal is sent"),
            }
        }
        Ok(reached)
    }
}
