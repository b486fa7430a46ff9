//! Capabilities of Linux.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::NoSuchRight;

/// As in capabilities(7), without `CAP_`, in the order of the alphabet; a [`Capability`] is its place here.
const NAMES: &[&str] = &[
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_READ",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "BPF",
    "CHECKPOINT_RESTORE",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "PERFMON",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYSLOG",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "WAKE_ALARM",
];

/// One capability, or `ALL` of them. Written with or without `CAP_`, in any case; read as `NET_ADMIN`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Capability(u8);

impl Capability {
    /// Stands for every capability.
    pub const ALL: Self = Self(0);
    /// Lets a container leave its control group, so that it cannot be given within a user namespace's bounds.
    pub const SYS_ADMIN: Self = Self(30);

    /// As engines write it.
    pub fn as_str(self) -> &'static str {
        NAMES[usize::from(self.0)]
    }
}

impl FromStr for Capability {
    type Err = NoSuchRight;

    fn from_str(text: &str) -> Result<Self, NoSuchRight> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("CAP_").unwrap_or(&upper);
        let place = NAMES
            .iter()
            .position(|known| *known == name)
            .and_then(|place| u8::try_from(place).ok());
        place
            .map(Self)
            .ok_or(NoSuchRight("write a capability of Linux, such as NET_ADMIN"))
    }
}

impl TryFrom<String> for Capability {
    type Error = NoSuchRight;

    fn try_from(text: String) -> Result<Self, NoSuchRight> {
        text.parse()
    }
}

impl From<Capability> for String {
    fn from(capability: Capability) -> Self {
        capability.as_str().to_owned()
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Capability, NAMES};

    #[test]
    fn a_capability_is_its_name_and_the_named_ones_are_in_place() {
        assert!(NAMES.is_sorted());
        for name in NAMES {
            assert_eq!(name.parse::<Capability>().expect("a capability").as_str(), *name);
        }
        assert_eq!(
            (Capability::ALL.as_str(), Capability::SYS_ADMIN.as_str()),
            ("ALL", "SYS_ADMIN")
        );
    }
}
