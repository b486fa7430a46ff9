//! How the daemon of a cell is started.

use std::net::Ipv4Addr;
use std::path::Path;

use crate::CellSpec;
use crate::init::{CELL_FOLDER, REMAP_USER};

/// Where packages put the daemon; the cell sees `/usr` as the host does.
const PLACES: [&str; 4] = [
    "/usr/local/bin/dockerd",
    "/usr/local/sbin/dockerd",
    "/usr/bin/dockerd",
    "/usr/sbin/dockerd",
];

/// The address range of the default bridge.
const BRIDGE: &str = "172.31.255.1/24";
/// Networks that a run makes are cut from this.
const ADDRESS_POOL: &str = "base=172.31.0.0/17,size=24";

/// The daemon's program.
pub(crate) fn daemon_program() -> Result<&'static str, String> {
    PLACES
        .into_iter()
        .find(|place| Path::new(place).exists())
        .ok_or_else(|| {
            "there is no dockerd: install Docker Engine 20.10 or later (Debian: apt install docker.io)".to_owned()
        })
}

/// The daemon's arguments after its program.
pub(crate) fn arguments(spec: &CellSpec, jobs: &str, resolver: Option<Ipv4Addr>, mtu: u32) -> Vec<String> {
    let mut arguments = vec![
        format!("--host=unix://{CELL_FOLDER}/run/docker.sock"),
        format!("--data-root={CELL_FOLDER}/docker"),
        "--exec-root=/run/docker".to_owned(),
        "--pidfile=/run/docker.pid".to_owned(),
        "--exec-opt=native.cgroupdriver=cgroupfs".to_owned(),
        format!("--cgroup-parent={jobs}"),
        format!("--userns-remap={REMAP_USER}"),
        "--storage-driver=overlay2".to_owned(),
        format!("--bip={BRIDGE}"),
        format!("--default-address-pool={ADDRESS_POOL}"),
        format!("--mtu={mtu}"),
        "--log-level=warn".to_owned(),
    ];
    arguments.extend(
        spec.insecure_registries
            .iter()
            .map(|registry| format!("--insecure-registry={registry}")),
    );
    arguments.extend(resolver.map(|address| format!("--dns={address}")));
    let mirrors = spec.surroundings.registry_mirrors.iter();
    arguments.extend(mirrors.map(|mirror| format!("--registry-mirror={mirror}")));
    arguments
}
