//! What is asked of a new cell.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{RootName, Surroundings};

/// What a new cell is to be like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CellSpec {
    /// What the daemon's data root holds at the start.
    pub root: Root,
    /// Bounds on everything that the cell's containers do together.
    pub limits: Limits,
    /// Services of the host that are opened inside the cell, and nothing else is.
    pub relays: Vec<Relay>,
    /// Docker archives (`docker save`) that are loaded before the cell counts as ready.
    pub images: Vec<PathBuf>,
    /// Networks that the daemon has before the cell counts as ready, bridges with these names.
    pub networks: Vec<String>,
    /// Nobody waits for it: until somebody does, it has a small share of the processors beside cells that are in use.
    pub ahead: bool,
    /// What the operator's network asks of the daemon and of everything in the cell.
    pub surroundings: Surroundings,
    /// Registries (`host:port` or a CIDR) that the daemon may speak plain HTTP with; 127.0.0.0/8 always is one.
    pub insecure_registries: Vec<String>,
}

/// What a cell's daemon starts from.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// An empty data root.
    #[default]
    Plain,
    /// The present generation of a root that the provider keeps.
    Kept(RootName),
}

/// Bounds on all containers of a cell together; the daemon stands beside them and survives when they are hit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory in bytes, swap included. `None`: the machine's.
    pub memory_bytes: Option<u64>,
    /// Processor time in thousandths of one processor. `None`: all processors.
    pub cpu_millis: Option<u32>,
    /// Processes and threads. `None`: unbounded.
    pub pids: Option<u32>,
    /// Open files of each process, the daemon's included; never more than the machine lets the worker have. `None`: the
    /// machine's. With the bound on processes this bounds what all of them can hold open.
    pub open_files: Option<u32>,
    /// What the cell may write to its disk beside the root that it begins from, in bytes. `None`, or a storage that
    /// cannot bound it: the machine's.
    pub disk_bytes: Option<u64>,
}

/// A door from the cell to one TCP service that the worker can reach: the worker dials, the cell's network does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Relay {
    /// Where it listens inside the cell: an address of 127.0.0.0/8 is seen by the daemon only.
    pub inside: SocketAddr,
    /// Where the worker connects to.
    pub outside: SocketAddr,
}

/// A text that is not a relay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a relay: write ADDRESS:PORT, or INSIDE:PORT=OUTSIDE:PORT")]
pub struct RelayError(String);

impl Relay {
    /// The same address inside as outside.
    pub const fn same(address: SocketAddr) -> Self {
        Self {
            inside: address,
            outside: address,
        }
    }
}

impl FromStr for Relay {
    type Err = RelayError;

    fn from_str(text: &str) -> Result<Self, RelayError> {
        let refused = || RelayError(text.chars().take(80).collect());
        let (inside, outside) = text.split_once('=').unwrap_or((text, text));
        Ok(Self {
            inside: inside.trim().parse().map_err(|_| refused())?,
            outside: outside.trim().parse().map_err(|_| refused())?,
        })
    }
}

impl fmt::Display for Relay {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.inside == self.outside {
            write!(out, "{}", self.inside)
        } else {
            write!(out, "{}={}", self.inside, self.outside)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Relay;

    #[test]
    fn a_relay_is_one_address_or_two() {
        for text in ["127.0.0.1:5000", "127.0.0.1:5000=10.0.0.7:443"] {
            let relay: Relay = text.parse().expect("a relay");
            assert_eq!(relay.to_string(), text);
        }
        assert!("localhost:5000".parse::<Relay>().is_err(), "a name is not an address");
    }
}
