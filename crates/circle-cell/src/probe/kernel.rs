//! What the kernel offers.

use std::fs;
use std::path::Path;

use super::Fact;
use crate::process::{CgroupVersion, detect_cgroups};

pub(super) fn cgroups() -> Fact {
    let Some(found) = detect_cgroups() else {
        return Fact::fail(
            "cgroups",
            "No cgroup hierarchy with a memory controller is mounted, so nothing would bound a job.",
            "Mount cgroups at /sys/fs/cgroup (systemd does), or boot a kernel that has the memory controller.",
        );
    };
    match found {
        (CgroupVersion::One, missing) if missing.is_empty() => {
            Fact::ok("cgroups", "Cgroup version 1 with every controller that cells use.")
        }
        (CgroupVersion::Two, missing) if missing.is_empty() => {
            Fact::ok("cgroups", "Cgroup version 2 with every controller that cells use.")
        }
        (_, missing) => Fact::warn(
            "cgroups",
            format!(
                "These cgroup controllers are missing: {}; what they bound is unbounded.",
                missing.join(", ")
            ),
            "Boot a kernel that has them, or do without limits of that kind.",
        ),
    }
}

pub(super) fn overlay() -> Fact {
    if file_systems().lines().any(|line| line.trim() == "nodev\toverlay") {
        return Fact::ok(
            "overlay",
            "The kernel has overlayfs, which stores images and makes copy-on-write views.",
        );
    }
    Fact::fail("overlay", "The kernel has no overlayfs.", "Load it: modprobe overlay.")
}

pub(super) fn user_namespaces() -> Fact {
    let most = fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    if most.trim().parse::<u64>().is_ok_and(|most| most > 0) && Path::new("/proc/self/ns/user").exists() {
        return Fact::ok(
            "user-namespaces",
            "Root inside containers is an ordinary user of this machine.",
        );
    }
    Fact::fail(
        "user-namespaces",
        "User namespaces are switched off, so root in a container would be root here.",
        "Set the sysctl user.max_user_namespaces to some thousands.",
    )
}

pub(super) fn services() -> Fact {
    if Path::new("/proc/net/ip_vs").exists() {
        return Fact::ok(
            "ipvs",
            "The kernel has IPVS: Swarm's ingress ports and virtual addresses work.",
        );
    }
    Fact::warn(
        "ipvs",
        "The kernel has no IPVS: in a Swarm on this machine, ports published by ingress answer nowhere.",
        "Publish services with mode=host and use endpoint mode dnsrr, or load the module: modprobe ip_vs.",
    )
}

fn file_systems() -> String {
    fs::read_to_string("/proc/filesystems").unwrap_or_default()
}
