//! Ports of this machine's loopback.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

use crate::LabError;

/// Below the ports that Linux hands out by itself (`ip_local_port_range`), so that no connection takes one by chance.
const PORTS: Range<u16> = 20_000..32_000;

/// A port that nobody listens on right now. Another process may take it before it is used: the caller's server then
/// fails to start and says so.
///
/// # Errors
/// [`LabError::Io`] when the machine has no port left.
pub fn free_port() -> Result<u16, LabError> {
    // Anywhere: whoever else looks for one at this moment begins at another place.
    let count = PORTS.end - PORTS.start;
    let place = RandomState::new().hash_one(std::process::id()) % u64::from(count);
    let place = usize::try_from(place).unwrap_or(0);
    let mut ports = PORTS.cycle().skip(place).take(count.into());
    ports.find(|port| is_free(*port)).ok_or_else(|| {
        let none = io::Error::other(format!("all ports of {PORTS:?} are in use"));
        LabError::io("find a free port", none)
    })
}

/// Whether a server could listen on this port now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
