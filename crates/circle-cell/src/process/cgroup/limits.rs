//! Limits as the kernel's files want them.

use super::Version;
use crate::Limits;

/// The period over which processor time is counted, in microseconds: the kernel's own default.
const PERIOD_US: u64 = 100_000;

/// What the daemon of a cell may use beside its containers, which is not theirs to decide: port proxies, what is asked of its
/// API, an unpacked build context. The cache of files counts, and is given back before anything is killed.
const DAEMON_MEMORY_BYTES: u64 = 2 << 30;
/// Processes and threads of the daemon, containerd, shims and port proxies.
const DAEMON_PIDS: u32 = 4096;

/// The settings of the group in which the daemon runs; a job that drives it beyond them loses its own cell alone.
pub(super) fn daemon_settings(version: Version) -> Vec<Setting> {
    let limits = Limits {
        memory_bytes: Some(DAEMON_MEMORY_BYTES),
        pids: Some(DAEMON_PIDS),
        ..Limits::default()
    };
    settings(&limits, version)
}

/// A cell's part of the processors where cells ask for more than there is: a tenth of everybody else's while it is started
/// ahead of demand. The whole ones are the kernel's own defaults.
pub(super) fn share(ahead: bool, version: Version) -> Setting {
    let (file, value) = match (version, ahead) {
        (Version::One, true) => ("cpu.shares", 102),
        (Version::One, false) => ("cpu.shares", 1024),
        (Version::Two, true) => ("cpu.weight", 10),
        (Version::Two, false) => ("cpu.weight", 100),
    };
    Setting {
        controller: "cpu",
        file,
        value: value.to_string(),
        optional: true,
    }
}

/// What is to be written for one limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// The version 1 controller whose hierarchy has the file.
    pub(super) controller: &'static str,
    pub(super) file: &'static str,
    pub(super) value: String,
    /// Whether a kernel may lack the file (swap accounting is optional).
    pub(super) optional: bool,
}

/// The settings, in the order in which they must be written: memory before memory with swap.
pub(super) fn settings(limits: &Limits, version: Version) -> Vec<Setting> {
    let set = |controller, file, value: String| Setting {
        controller,
        file,
        value,
        optional: false,
    };
    let swap = |file, value: String| Setting {
        controller: "memory",
        file,
        value,
        optional: true,
    };
    let mut settings = Vec::new();
    if let Some(bytes) = limits.memory_bytes {
        match version {
            Version::One => {
                settings.push(set("memory", "memory.limit_in_bytes", bytes.to_string()));
                settings.push(swap("memory.memsw.limit_in_bytes", bytes.to_string()));
            }
            Version::Two => {
                settings.push(set("memory", "memory.max", bytes.to_string()));
                settings.push(swap("memory.swap.max", "0".to_owned()));
            }
        }
    }
    if let Some(millis) = limits.cpu_millis {
        let quota_us = u64::from(millis.max(10)) * PERIOD_US / 1000;
        settings.push(match version {
            Version::One => set("cpu", "cpu.cfs_quota_us", quota_us.to_string()),
            Version::Two => set("cpu", "cpu.max", format!("{quota_us} {PERIOD_US}")),
        });
    }
    if let Some(pids) = limits.pids {
        settings.push(set("pids", "pids.max", pids.to_string()));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::{Version, settings};
    use crate::Limits;

    #[test]
    fn each_version_has_its_own_words() {
        let limits = Limits {
            memory_bytes: Some(1 << 30),
            cpu_millis: Some(1500),
            pids: Some(512),
            open_files: Some(1024),
            disk_bytes: Some(1 << 30),
        };
        let words = |version| {
            settings(&limits, version)
                .iter()
                .map(|it| format!("{}={}", it.file, it.value))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            words(Version::One),
            [
                "memory.limit_in_bytes=1073741824",
                "memory.memsw.limit_in_bytes=1073741824",
                "cpu.cfs_quota_us=150000",
                "pids.max=512"
            ]
        );
        assert_eq!(
            words(Version::Two),
            [
                "memory.max=1073741824",
                "memory.swap.max=0",
                "cpu.max=150000 100000",
                "pids.max=512"
            ]
        );
    }

    #[test]
    fn no_limit_is_no_setting() {
        assert_eq!(settings(&Limits::default(), Version::One), []);
    }
}
