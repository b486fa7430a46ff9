//! Programs that cells are made with.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Fact;
use crate::process::find_daemon;

/// The first engine whose daemon carries BuildKit and understands all that Circle asks.
const OLDEST_DAEMON: (u32, u32) = (20, 10);
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn daemon() -> Fact {
    const INSTALL: &str = "Install Docker Engine 20.10 or later (Debian: apt install docker.io); it need not run.";
    let program = match find_daemon() {
        Ok(program) => program,
        Err(sentence) => return Fact::fail("dockerd", format!("{sentence}."), INSTALL),
    };
    let told = output(program, &["--version"]).unwrap_or_default();
    match version(&told) {
        Some(found) if found >= OLDEST_DAEMON => {
            Fact::ok("dockerd", format!("{program} is version {}.{}.", found.0, found.1))
        }
        Some(found) => Fact::fail(
            "dockerd",
            format!("{program} is version {}.{}, too old.", found.0, found.1),
            INSTALL,
        ),
        None => Fact::fail(
            "dockerd",
            format!("{program} does not tell its version: \"{}\".", told.trim()),
            INSTALL,
        ),
    }
}

pub(super) fn firewall() -> Fact {
    match (
        output("iptables", &["--version"]),
        output("iptables-save", &["-t", "filter"]),
    ) {
        (Some(version), Some(_)) => Fact::ok("iptables", format!("{} works.", version.trim())),
        (Some(version), None) => Fact::fail(
            "iptables",
            format!("{} is there but cannot read the rules.", version.trim()),
            "Run this as root; if it is, load the kernel's netfilter modules.",
        ),
        (None, _) => nftables(),
    }
}

/// Where there is no iptables, a table of nftables keeps the cells.
fn nftables() -> Fact {
    const INSTALL: &str = "Install it: apt install iptables.";
    match output("nft", &["--version"]) {
        Some(_) if output("nft", &["list", "tables"]).is_none() => Fact::fail(
            "nftables",
            "There is no iptables, and nft cannot read the rules.",
            "Run this as root; if it is, load the kernel's netfilter modules.",
        ),
        Some(version) => Fact::warn(
            "nftables",
            format!(
                "{} works, and there is no iptables: engines before 29 do not start without it.",
                version.trim()
            ),
            INSTALL,
        ),
        None => Fact::fail(
            "iptables",
            "There is neither iptables nor nftables, and cells would reach this host.",
            INSTALL,
        ),
    }
}

pub(super) fn links() -> Fact {
    match output("ip", &["-Version"]) {
        Some(version) => Fact::ok("iproute2", format!("{} is there.", version.trim())),
        None => Fact::fail(
            "iproute2",
            "There is no ip, and cells would have no network.",
            "Install it: apt install iproute2.",
        ),
    }
}

pub(super) fn forwarding() -> Fact {
    match fs::read_to_string("/proc/sys/net/ipv4/ip_forward")
        .unwrap_or_default()
        .trim()
    {
        "1" => Fact::ok("forwarding", "IPv4 forwarding is on, as the cells' network needs."),
        _ => Fact::warn(
            "forwarding",
            "IPv4 forwarding is off; the worker switches it on with its first cell.",
            "Nothing to do, unless this machine must not forward; then run the worker elsewhere.",
        ),
    }
}

pub(super) fn ipv6() -> Fact {
    if !Path::new("/proc/net/if_inet6").exists() {
        return Fact::warn(
            "ipv6",
            "The kernel has no IPv6, so cells have IPv4 only.",
            "Nothing to do unless runs must reach what has no IPv4 address.",
        );
    }
    match output("ip6tables-save", &["-t", "nat"]) {
        Some(_) => Fact::ok("ipv6", "Cells can have IPv6, with the worker's --cell-network6."),
        None => Fact::warn(
            "ipv6",
            "ip6tables cannot read its rules, so cells can have IPv4 only.",
            "Install iptables, or load the kernel's modules for IPv6 translation (ip6table_nat).",
        ),
    }
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The first two numbers of `Docker version 20.10.24+dfsg1, build 5d6db84`.
fn version(told: &str) -> Option<(u32, u32)> {
    let mut numbers = told.split_once("version ")?.1.split(['.', ',', '+', ' ']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn a_daemon_tells_its_version_in_one_line() {
        assert_eq!(version("Docker version 20.10.24+dfsg1, build 5d6db84"), Some((20, 10)));
        assert_eq!(version("Docker version 27.5.1, build 9f9e405"), Some((27, 5)));
        assert_eq!(version("command not found"), None);
    }
}
