//! What this process may do.

use std::fs;

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::geteuid;

use super::Fact;

/// Numbers of capabilities (capabilities(7)).
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_SYS_RESOURCE: u32 = 24;

/// What the worker bounds the open files of a process in a cell to when nobody says otherwise.
const USUAL_OPEN_FILES: u64 = 65_536;

pub(super) fn root() -> Fact {
    if geteuid().is_root() {
        return Fact::ok("root", "The worker runs as root, as making cells needs.");
    }
    Fact::fail(
        "root",
        "This is not root, and only root can make cells.",
        "Run the worker (or this command) with sudo.",
    )
}

pub(super) fn administration() -> Fact {
    if has(CAP_SYS_ADMIN) && has(CAP_NET_ADMIN) {
        return Fact::ok("administration", "Namespaces, mounts and network links can be made.");
    }
    Fact::fail(
        "administration",
        "CAP_SYS_ADMIN or CAP_NET_ADMIN is missing: no namespace, mount or link can be made.",
        "Run the worker outside a container, or give its container both capabilities.",
    )
}

pub(super) fn resources() -> Fact {
    if has(CAP_SYS_RESOURCE) {
        return Fact::ok(
            "resources",
            "Limits can be raised: privileged containers and any ulimit work.",
        );
    }
    Fact::warn(
        "resources",
        "CAP_SYS_RESOURCE is missing: privileged containers, raised ulimits and negative OOM scores fail in cells.",
        "Nothing to do unless a pipeline needs them; then run the worker on a machine that has the capability.",
    )
}

pub(super) fn open_files() -> Fact {
    let hard = getrlimit(Resource::RLIMIT_NOFILE).map_or(0, |(_, hard)| hard);
    if hard >= USUAL_OPEN_FILES {
        return Fact::ok(
            "open-files",
            format!("A process in a cell can have {USUAL_OPEN_FILES} files open."),
        );
    }
    Fact::warn(
        "open-files",
        format!(
            "A process of this machine has at most {hard} files open, and so has one in a cell: some databases want more."
        ),
        "Raise the hard limit of the worker (ulimit -Hn, or LimitNOFILE of its unit).",
    )
}

fn has(capability: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    effective(&status).is_some_and(|set| set & (1 << capability) != 0)
}

fn effective(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    u64::from_str_radix(line.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::effective;

    #[test]
    fn the_effective_set_is_read_from_the_kernels_table() {
        assert_eq!(
            effective("Name:\tx\nCapPrm:\t0\nCapEff:\t000001fffeffffff\n"),
            Some(0x1ff_feff_ffff)
        );
        assert_eq!(effective("Name:\tx\n"), None);
    }
}
