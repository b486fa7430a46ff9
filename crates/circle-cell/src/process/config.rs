//! What an operator can set about the cells of this machine.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::network::FirewallChoice;
use crate::{Cidr, StorageChoice};

/// How long a daemon may take until it answers; a healthy one takes well under two seconds on two processors.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// Some ten services with a tool chain each.
const ROOTS_BYTES: u64 = 20 << 30;

/// The settings of a process provider.
#[derive(Debug, Clone)]
pub struct ProcessConfig {
    /// The folder that holds everything of this provider's cells. One provider at a time owns it.
    pub state: PathBuf,
    /// How PID 1 of a cell is started.
    pub init: InitProgram,
    /// Which users of the host the users of the containers are.
    pub remap: Remap,
    /// Where cells may send packets to.
    pub network: NetworkPolicy,
    /// How long a daemon may take until it answers. Default: one minute.
    pub start_deadline: Duration,
    /// How what cells hold is stored. Default: the best that the machine can do.
    pub storage: StorageChoice,
    /// What the storage may take of the file system beneath, when it has a file of its own. Default: nine tenths of what
    /// is free there.
    pub pool_bytes: Option<u64>,
    /// What all roots together may take; those that were used longest ago go first. Default: 20 GiB.
    pub roots_bytes: u64,
}

/// The program that becomes PID 1 of a cell; it must call [`crate::init::main`] and nothing else.
#[derive(Debug, Clone)]
pub struct InitProgram {
    /// The executable on the host.
    pub program: PathBuf,
    /// The arguments that lead it to [`crate::init::main`].
    pub args: Vec<OsString>,
}

/// The range of host users that the users of all containers are mapped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remap {
    /// Who root is. Default: 1048576.
    pub first: u32,
    /// How many users there are. Default: 65536.
    pub count: u32,
}

/// Where cells may send packets to: everywhere but to the host, to other cells, to link-local and to private
/// addresses.
#[derive(Debug, Clone)]
pub struct NetworkPolicy {
    /// The addresses of the links between host and cells, four for each. Default: 198.18.0.0/15, which the internet
    /// does not use.
    pub range: Cidr,
    /// The same in IPv6: an unused range of unique local addresses. Default: none, and cells have IPv4 only.
    pub range6: Option<Cidr>,
    /// Private ranges, of either family, that cells may reach all the same. Default: none.
    pub allow: Vec<Cidr>,
    /// Connections that a cell may have open to the world at the same time; as many may be new at once, and then a sixteenth
    /// of that each second. Default: a sixty-fourth of what the kernel follows (`nf_conntrack_max`), 1024 at least.
    pub connections: Option<u32>,
    /// Who makes the rules. Default: iptables where it is there, else nftables.
    pub firewall: FirewallChoice,
    /// The name servers that the host asks for the cells. Default: whom the file below names at the time of a question.
    pub resolvers: Vec<SocketAddr>,
    /// The file of the host that names them, and says how short names are completed. Default: /etc/resolv.conf.
    pub names: PathBuf,
}

impl ProcessConfig {
    /// Settings with every default, for a state folder and an init program.
    pub fn new(state: impl Into<PathBuf>, init: InitProgram) -> Self {
        Self {
            state: state.into(),
            init,
            remap: Remap::default(),
            network: NetworkPolicy::default(),
            start_deadline: START_DEADLINE,
            storage: StorageChoice::Auto,
            pool_bytes: None,
            roots_bytes: ROOTS_BYTES,
        }
    }
}

impl InitProgram {
    /// The running executable, started again as `cell-init`.
    pub fn this_program() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
            args: vec![OsString::from("cell-init")],
        }
    }
}

impl Default for Remap {
    fn default() -> Self {
        Self {
            first: 1_048_576,
            count: 65_536,
        }
    }
}

impl Default for NetworkPolicy {
    fn default() -> Self {
        Self {
            range: Cidr::new(Ipv4Addr::new(198, 18, 0, 0), 15),
            range6: None,
            allow: Vec::new(),
            connections: None,
            firewall: FirewallChoice::Auto,
            resolvers: Vec::new(),
            names: PathBuf::from("/etc/resolv.conf"),
        }
    }
}
