//! What an operator sets for a worker.

use std::path::PathBuf;
use std::time::Duration;

use circle_api::shell::HOLD_SECONDS;
use circle_cell::process::{FirewallChoice, InitProgram, NetworkPolicy};
use circle_cell::{Cidr, Limits, Proxy, Relay, StorageChoice, Surroundings};
use serde::{Deserialize, Serialize};

use crate::ProviderChoice;
use crate::machine::{Machine, warm_cells};

/// A worker's settings. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    /// `unix:///path` or `http(s)://host[:port]` of the server.
    pub server: String,
    /// The worker's folder: its token, its cells. Mode 0700, root's.
    pub folder: PathBuf,
    /// The worker's name, unique on the server. Default: the machine's host name.
    #[serde(default = "host_name")]
    pub name: String,
    /// Takes one run and ends; what was started for a run has no other. Default: no.
    #[serde(default)]
    pub once: bool,
    /// A file with an enrolment token, read when the worker has no token of its own yet.
    #[serde(default)]
    pub enrolment: Option<PathBuf>,
    /// Cells at the same time, at least 1. Default: what the machine's cores and memory carry.
    #[serde(default)]
    pub max_cells: Option<u32>,
    /// Cells that stand ready ahead of demand. Default: one for four at the same time.
    #[serde(default)]
    pub warm_cells: Option<u32>,
    /// Cells of failed runs that are held for a shell at the same time; they go first when a run needs a place. Default: 1.
    #[serde(default = "one")]
    pub held_cells: u32,
    /// How long such a cell is held, in seconds, from 1 to 1,800. Default: 1,800, which is half an hour.
    #[serde(default = "default_hold_s")]
    pub hold_s: u64,
    /// Docker archives that every cell holds from the beginning. Default: none.
    #[serde(default)]
    pub images: Vec<PathBuf>,
    /// Services of this machine that are opened in cells, as `ADDRESS:PORT` or `INSIDE:PORT=OUTSIDE:PORT`. Default: none.
    #[serde(default)]
    pub relays: Vec<String>,
    /// Registries (`host:port` or a CIDR) that cells may speak plain HTTP with. Default: none but loopback.
    #[serde(default)]
    pub insecure_registries: Vec<String>,
    /// Mirrors (`https://host[:port]`) that every cell asks before Docker Hub. Default: none.
    #[serde(default)]
    pub registry_mirrors: Vec<String>,
    /// The proxy that daemons, builds and jobs use. Default: none.
    #[serde(default)]
    pub proxy: ProxySettings,
    /// PEM files of authorities that cells trust beside those of the machine. Default: none.
    #[serde(default)]
    pub certificate_authorities: Vec<PathBuf>,
    /// Private address ranges that cells may reach. Default: none.
    #[serde(default)]
    pub allow_networks: Vec<Cidr>,
    /// An unused range of unique local IPv6 addresses for the links of cells. Default: none, and cells have IPv4 only.
    #[serde(default)]
    pub cell_network6: Option<Cidr>,
    /// Who makes the rules around cells. Default: iptables where it is there, else nftables.
    #[serde(default)]
    pub firewall: FirewallChoice,
    /// Memory of a cell's containers together, in bytes. Default: unbounded.
    #[serde(default)]
    pub cell_memory_bytes: Option<u64>,
    /// Processor time of a cell's containers together, in thousandths of a core. Default: unbounded.
    #[serde(default)]
    pub cell_cpu_millis: Option<u32>,
    /// Processes of a cell's containers together. Default: 4096.
    #[serde(default = "default_pids")]
    pub cell_pids: Option<u32>,
    /// Open files of each process in a cell. Default: 65,536, or what the machine lets the worker have.
    #[serde(default = "default_open_files")]
    pub cell_open_files: Option<u32>,
    /// What a cell may write to its disk, in bytes, where the storage can bound it. Default: 20 GiB.
    #[serde(default = "default_disk_bytes")]
    pub cell_disk_bytes: Option<u64>,
    /// How cells are stored: `auto`, `btrfs`, `reflink` or `plain`. Default: `auto`, the best that the machine can do.
    #[serde(default)]
    pub storage: StorageChoice,
    /// What the storage's own file may grow to, in bytes. Default: nine tenths of what is free.
    #[serde(default)]
    pub pool_bytes: Option<u64>,
    /// What golden roots may take together, in bytes. Default: 20 GiB.
    #[serde(default = "default_roots_bytes")]
    pub roots_bytes: u64,
    /// Cells of golden roots that stand ready beside the warm ones, for services that run often. Default: 1.
    #[serde(default = "one")]
    pub warm_roots: u32,
    /// What cells are made of: `process` or `container`. Default: `process`.
    #[serde(default)]
    pub provider: ProviderChoice,
    /// The socket of the engine that carries cells in containers. Default: `/var/run/docker.sock`.
    #[serde(default)]
    pub engine: Option<PathBuf>,
    /// The image of cells in containers. Default: `circle/worker-base:12`.
    #[serde(default)]
    pub cell_image: Option<String>,
    /// The program that becomes PID 1 of a cell, with its arguments. Default: this program as `cell-init`.
    #[serde(default)]
    pub cell_init: Option<Vec<PathBuf>>,
}

/// A way out for HTTP, as the variables `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxySettings {
    /// For `http://` addresses.
    pub http: Option<String>,
    /// For `https://` addresses.
    pub https: Option<String>,
    /// Names and networks that are reached directly, separated by commas; sidecars and the cell itself always are.
    pub none: Option<String>,
}

impl WorkerConfig {
    /// Every default, for a server and a folder.
    pub fn new(server: impl Into<String>, folder: impl Into<PathBuf>) -> Self {
        Self {
            server: server.into(),
            folder: folder.into(),
            name: host_name(),
            once: false,
            enrolment: None,
            max_cells: None,
            warm_cells: None,
            held_cells: one(),
            hold_s: default_hold_s(),
            images: Vec::new(),
            relays: Vec::new(),
            insecure_registries: Vec::new(),
            registry_mirrors: Vec::new(),
            proxy: ProxySettings::default(),
            certificate_authorities: Vec::new(),
            allow_networks: Vec::new(),
            cell_network6: None,
            firewall: FirewallChoice::Auto,
            cell_memory_bytes: None,
            cell_cpu_millis: None,
            cell_pids: default_pids(),
            cell_open_files: default_open_files(),
            cell_disk_bytes: default_disk_bytes(),
            storage: StorageChoice::Auto,
            pool_bytes: None,
            roots_bytes: default_roots_bytes(),
            warm_roots: one(),
            provider: ProviderChoice::default(),
            engine: None,
            cell_image: None,
            cell_init: None,
        }
    }

    /// The same for one run: nothing stands ready, nothing is held or kept for a next one.
    pub fn for_one_run(self) -> Self {
        Self {
            once: true,
            max_cells: Some(1),
            warm_cells: Some(0),
            warm_roots: 0,
            held_cells: 0,
            ..self
        }
    }

    /// Cells at the same time, by the machine when nobody said it.
    pub fn max_cells(&self) -> u32 {
        self.max_cells
            .unwrap_or_else(|| Machine::this().max_cells(self.cell_memory_bytes))
    }

    /// Cells that stand ready.
    pub fn warm_cells(&self) -> u32 {
        self.warm_cells.unwrap_or_else(|| warm_cells(self.max_cells()))
    }

    pub(crate) fn hold(&self) -> Duration {
        Duration::from_secs(self.hold_s.clamp(1, HOLD_SECONDS))
    }

    pub(crate) fn limits(&self) -> Limits {
        Limits {
            memory_bytes: self
                .cell_memory_bytes
                .or_else(|| Machine::this().cell_memory(self.max_cells())),
            cpu_millis: self.cell_cpu_millis,
            pids: self.cell_pids,
            open_files: self.cell_open_files,
            disk_bytes: self.cell_disk_bytes,
        }
    }

    pub(crate) fn surroundings(&self) -> Surroundings {
        let ProxySettings { http, https, none } = self.proxy.clone();
        Surroundings {
            registry_mirrors: self.registry_mirrors.clone(),
            proxy: Proxy { http, https, none },
            certificates: self.certificate_authorities.clone(),
        }
    }

    pub(crate) fn parsed_relays(&self) -> Result<Vec<Relay>, circle_cell::RelayError> {
        self.relays.iter().map(|text| text.parse()).collect()
    }

    pub(crate) fn init_program(&self) -> InitProgram {
        match self.cell_init.as_deref() {
            Some([program, args @ ..]) => InitProgram {
                program: program.clone(),
                args: args.iter().map(|word| word.as_os_str().to_owned()).collect(),
            },
            Some([]) | None => InitProgram::this_program(),
        }
    }

    pub(crate) fn network(&self) -> NetworkPolicy {
        NetworkPolicy {
            allow: self.allow_networks.clone(),
            range6: self.cell_network6,
            firewall: self.firewall,
            ..NetworkPolicy::default()
        }
    }
}

/// As long as people are told.
fn default_hold_s() -> u64 {
    HOLD_SECONDS
}

/// Thousands of threads are a compiler's; a fork bomb wants more.
fn default_pids() -> Option<u32> {
    Some(4096)
}

/// As many as search engines and databases ask for at their start.
fn default_open_files() -> Option<u32> {
    Some(65_536)
}

/// Room for a tool chain's build, and not for a runaway log.
fn default_disk_bytes() -> Option<u64> {
    Some(20 << 30)
}

/// Some ten services with a tool chain each.
fn default_roots_bytes() -> u64 {
    20 << 30
}

fn one() -> u32 {
    1
}

fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "worker".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::WorkerConfig;

    #[test]
    fn a_server_and_a_folder_are_enough() {
        let text = r#"{"server": "unix:///run/circle.sock", "folder": "/var/lib/circle/worker"}"#;
        let config: WorkerConfig = serde_json::from_str(text).expect("a configuration");
        assert_eq!(
            config,
            WorkerConfig::new("unix:///run/circle.sock", "/var/lib/circle/worker")
        );
        serde_json::from_str::<WorkerConfig>(r#"{"server": "x", "folder": "y", "maxcells": 3}"#)
            .expect_err("an unknown key");
    }
}
