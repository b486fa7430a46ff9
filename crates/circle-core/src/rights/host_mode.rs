//! Namespaces of the cell that a container may share.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::NoSuchRight;

/// A namespace of the run's cell in place of one of the container's own. None of them is the machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostMode {
    /// The cell's links and addresses.
    Network,
    /// The cell's processes, its daemon among them.
    Pid,
    /// Shared memory and queues.
    Ipc,
    /// Host name.
    Uts,
    /// No remapping of users.
    Userns,
    /// The view of control groups.
    Cgroup,
}

impl HostMode {
    /// Every mode.
    pub const EVERY: [Self; 6] = [
        Self::Network,
        Self::Pid,
        Self::Ipc,
        Self::Uts,
        Self::Userns,
        Self::Cgroup,
    ];

    /// As it is written in a policy.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Pid => "pid",
            Self::Ipc => "ipc",
            Self::Uts => "uts",
            Self::Userns => "userns",
            Self::Cgroup => "cgroup",
        }
    }

    /// The key of the pipeline file that asks for it with `host`.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Network => "network_mode",
            Self::Userns => "userns_mode",
            Self::Pid | Self::Ipc | Self::Uts | Self::Cgroup => self.as_str(),
        }
    }
}

impl FromStr for HostMode {
    type Err = NoSuchRight;

    fn from_str(text: &str) -> Result<Self, NoSuchRight> {
        let known = Self::EVERY.into_iter().find(|mode| mode.as_str() == text);
        known.ok_or(NoSuchRight("write network, pid, ipc, uts, userns or cgroup"))
    }
}

impl fmt::Display for HostMode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
