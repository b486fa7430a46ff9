//! What a worker and the init of a cell say to each other: one JSON object in each packet.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Exit, InCell, Limits, Sight};

/// Where the cell's folder stands inside the cell.
pub(crate) const CELL_FOLDER: &str = "/cell";
/// The IPv6 addresses of containers on the default bridge, the same in every cell: nobody outside sees them.
pub(crate) const BRIDGE6: &str = "fd00:c1c1:ce11:1::/64";

/// One order, numbered by the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) number: u64,
    pub(crate) order: Order,
}

/// What a worker can order.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// Build the cell's root and move into it; the first order.
    Enter(Enter),
    /// Make a container that an engine has started a cell; the first order there. The answer brings three folders along:
    /// the jobs' groups for memory and for processes, and the data root.
    Settle(Settle),
    /// Configure the link that the worker put into the cell's network namespace; port 53 of the address will resolve
    /// names.
    Link {
        address: Ipv4Addr,
        bits: u8,
        gateway: Ipv4Addr,
        /// The same in IPv6, where cells have it.
        six: Option<Six>,
        search: Search,
    },
    /// Start a process; three descriptors come along: its input, output and errors.
    Run(Run),
    /// Kill the process (and its group) that the order of this number started.
    Kill { started_by: u64 },
    /// Ask that process to end.
    Terminate { started_by: u64 },
    /// Mount a copy-on-write view.
    Mount {
        target: PathBuf,
        lowers: Vec<PathBuf>,
        upper: PathBuf,
        work: PathBuf,
    },
    /// Show a folder or file of a view at a second place, whatever links stand on the way to it.
    Show {
        view: PathBuf,
        path: PathBuf,
        target: PathBuf,
        /// `Some`: a folder that is not there is made, for this user.
        make: Option<(u32, u32)>,
    },
    /// Unmount a view.
    Unmount { target: PathBuf },
    /// Listen; the answer brings the socket along.
    Listen { address: SocketAddr, kind: Door },
}

/// The cell's end of the link in IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Six {
    pub(crate) address: Ipv6Addr,
    pub(crate) bits: u8,
    pub(crate) gateway: Ipv6Addr,
}

/// How short names are completed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Search {
    /// Tried in this order.
    pub(crate) domains: Vec<String>,
    /// Names with so many dots are first tried as they are; `None`: as resolvers do it by themselves.
    pub(crate) ndots: Option<u8>,
}

/// What kind of socket listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Door {
    Stream,
    Datagram,
}

/// What the cell's root is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Enter {
    /// The cell's folder on the host; its `root` folder becomes the mount point, its `run` folder has the sockets.
    pub(crate) folder: PathBuf,
    /// The cell's disk on the host.
    pub(crate) disk: PathBuf,
    pub(crate) hostname: String,
    /// The first host user and the number of users that containers are mapped to.
    pub(crate) remap: (u32, u32),
    /// Most files that any process of the cell may have open; `None` = what init inherited.
    pub(crate) open_files: Option<u32>,
    /// Mount points of the cgroup hierarchies, the same inside as outside.
    pub(crate) cgroups: Vec<PathBuf>,
    /// A bundle on the host that takes the place of the machine's.
    pub(crate) certificates: Option<PathBuf>,
}

/// What makes a container a cell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settle {
    /// The cell's name.
    pub(crate) name: String,
    /// The first user and the number of users that containers are mapped to.
    pub(crate) remap: (u32, u32),
    pub(crate) limits: Limits,
    /// A bundle inside that takes the place of the image's.
    pub(crate) certificates: Option<PathBuf>,
}

/// A process to be started.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) argv: Vec<Words>,
    pub(crate) environment: Vec<Words>,
    pub(crate) directory: Words,
    pub(crate) user: Option<(u32, u32)>,
    /// Folders of `cgroup.procs` files that the process joins before it becomes the program.
    pub(crate) cgroups: Vec<PathBuf>,
    /// `Some`: it sees these folders only.
    pub(crate) only: Option<Vec<PathBuf>>,
}

impl Run {
    /// Writes a process down, which joins these groups.
    pub(crate) fn of(command: InCell, cgroups: Vec<PathBuf>) -> Self {
        let environment = command.environment.into_iter().map(|(name, value)| {
            let mut pair = name.into_vec();
            pair.push(b'=');
            pair.extend(value.into_vec());
            Words::from(pair)
        });
        let argv = command.argv.into_iter().map(|word| Words::from(word.into_vec()));
        Self {
            argv: argv.collect(),
            environment: environment.collect(),
            directory: Words::from(command.directory.into_os_string().into_vec()),
            user: command.user.map(|user| (user.uid, user.gid)),
            cgroups,
            only: match command.sight {
                Sight::Cell => None,
                Sight::Only(folders) => Some(folders),
            },
        }
    }
}

/// Bytes of an argument; JSON carries text only, so what is not UTF-8 goes as numbers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Words {
    Text(String),
    Bytes(Vec<u8>),
}

impl Words {
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl From<Vec<u8>> for Words {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|odd| Self::Bytes(odd.into_bytes()), Self::Text)
    }
}

/// What the init says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The order of this number is done, or why it is not.
    Answer { number: u64, outcome: Result<(), String> },
    /// The process that the order of this number started has ended.
    Ended { started_by: u64, exit: Exit },
}
