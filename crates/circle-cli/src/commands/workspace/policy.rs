//! `circle workspace policy`: what pipeline files may ask for.

use std::collections::BTreeSet;

use circle_api::resources::{PolicyChange, PolicyView};
use circle_core::names::Slug;
use circle_core::network::NetworkRange;
use circle_core::rights::{Capability, HostMode, SecurityOption};
use circle_core::scan_floor::ScanFloor;
use clap::Args;

use crate::printer::Printer;
use crate::text::Table;

/// In place of a list: allow none.
const NONE: &str = "none";

/// Lists replace the ones before; `none` empties one.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    pub(super) name: Slug,
    /// Allow privileged containers, and with them all other rights: root on the worker's machine, in effect
    #[arg(long, value_name = "BOOL")]
    privileged: Option<bool>,
    /// Allow devices: paths beneath /dev, or none
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    devices: Option<Vec<String>>,
    /// Allow capabilities, such as NET_ADMIN,SYS_PTRACE, or none
    #[arg(long, value_name = "LIST", value_parser = entries::<Capability>)]
    capabilities: Option<Entries<Capability>>,
    /// Allow security options: seccomp=unconfined, apparmor=unconfined, label=disable, systempaths=unconfined, or none
    #[arg(long, value_name = "LIST", value_parser = entries::<SecurityOption>)]
    security_options: Option<Entries<SecurityOption>>,
    /// Allow namespaces of the run's cell: network, pid, ipc, uts, userns, cgroup, or none
    #[arg(long, value_name = "LIST", value_parser = entries::<HostMode>)]
    host_modes: Option<Entries<HostMode>>,
    /// Allow mounts of folders of the run's cell and of what lies beneath them: absolute paths, or none
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    mounts: Option<Vec<String>>,
    /// Let runs of members reach private networks, such as 10.1.0.0/16,fd12::/32, or none
    #[arg(long, value_name = "LIST", value_parser = entries::<NetworkRange>)]
    networks: Option<Entries<NetworkRange>>,
    /// Let pull requests of members push images under pr-N tags
    #[arg(long, value_name = "BOOL")]
    push_pull_requests: Option<bool>,
    /// From which severity on a finding keeps an image from being pushed: none, critical, high, medium, low. Nothing can
    /// scan yet, so that anything but none keeps every image
    #[arg(long, value_name = "SEVERITY")]
    scan_floor: Option<ScanFloor>,
}

impl PolicyArgs {
    /// What is given.
    pub(super) fn change(self) -> PolicyChange {
        PolicyChange {
            privileged: self.privileged,
            devices: self.devices.map(paths),
            capabilities: self.capabilities.map(|few| few.0),
            security_options: self.security_options.map(|few| few.0),
            host_modes: self.host_modes.map(|few| few.0),
            mounts: self.mounts.map(paths),
            networks: self.networks.map(|few| few.0),
            push_pull_requests: self.push_pull_requests,
            scan_floor: self.scan_floor,
        }
    }
}

/// The entries of one list.
#[derive(Debug, Clone)]
struct Entries<T>(BTreeSet<T>);

fn entries<T: std::str::FromStr<Err: std::fmt::Display> + Ord>(text: &str) -> Result<Entries<T>, String> {
    if text == NONE {
        return Ok(Entries(BTreeSet::new()));
    }
    let read = |entry: &str| entry.trim().parse::<T>().map_err(|error| error.to_string());
    text.split(',').map(read).collect::<Result<_, _>>().map(Entries)
}

fn paths(given: Vec<String>) -> BTreeSet<String> {
    given.into_iter().filter(|path| path != NONE).collect()
}

/// Each list with its entries as texts.
pub(super) fn rights(policy: &PolicyView) -> [(&'static str, Vec<String>); 5] {
    fn texts<T: ToString>(of: &BTreeSet<T>) -> Vec<String> {
        of.iter().map(ToString::to_string).collect()
    }
    [
        ("devices", texts(&policy.devices)),
        ("capabilities", texts(&policy.capabilities)),
        ("security options", texts(&policy.security_options)),
        ("host modes", texts(&policy.host_modes)),
        ("mounts", texts(&policy.mounts)),
    ]
}

pub(super) fn word(allowed: bool) -> &'static str {
    if allowed { "allowed" } else { "refused" }
}

pub(super) fn policy_table(policy: &PolicyView, printer: &Printer) -> String {
    let mut table = Table::new(&["PIPELINE FILES MAY ASK FOR", ""]);
    table.row(["privileged".into(), word(policy.privileged).into()]);
    for (name, few) in rights(policy) {
        let allowed = match (policy.privileged, few.is_empty()) {
            (true, _) => "all, by privileged".to_owned(),
            (false, true) => word(false).to_owned(),
            (false, false) => few.join(", "),
        };
        table.row([name.into(), allowed.into()]);
    }
    let networks: Vec<&str> = policy.networks.iter().map(NetworkRange::as_str).collect();
    let networks = if networks.is_empty() {
        word(false).to_owned()
    } else {
        networks.join(", ")
    };
    table.row(["private networks".into(), networks.into()]);
    table.row(["push of pull requests".into(), word(policy.push_pull_requests).into()]);
    table.row(["scan floor of pushed images".into(), policy.scan_floor.as_str().into()]);
    table.render(printer, "")
}
