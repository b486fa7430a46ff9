//! Ports of this machine's loopback.

use std::net::{Ipv4Addr, TcpListener};

use crate::LabError;

/// A port that nobody listens on right now. Another process may take it before it is used: the caller's server then
/// fails to start and says so.
///
/// # Errors
/// [`LabError::Io`] when the machine has no port left.
pub fn free_port() -> Result<u16, LabError> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|source| LabError::io("find a free port", source))?;
    let address = listener
        .local_addr()
        .map_err(|source| LabError::io("read a port", source))?;
    Ok(address.port())
}

/// Whether a server could listen on this port now.
pub fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
