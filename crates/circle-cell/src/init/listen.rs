//! The cell's network from inside: its end of the link, and sockets that the worker serves from outside.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::path::Path;

use super::order::{BRIDGE6, Door, Search, Six};
use super::tools::{Outcome, run_tool, write};

/// Configures loopback and `eth0`, which the worker has put here.
pub(super) fn configure(address: Ipv4Addr, bits: u8, gateway: Ipv4Addr, six: Option<Six>) -> Outcome {
    if six.is_none() {
        // No address of its own making on the link; a kernel without IPv6 has no such file.
        let _ = fs::write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1");
    }
    let mut batch = format!(
        "link set lo up\naddr add {address}/{bits} dev eth0\nlink set eth0 up\nroute add default via {gateway}\n"
    );
    let Some(six) = six else {
        return run_tool("ip", &["-batch", "-"], &batch);
    };
    batch = format!(
        "link set eth0 addrgenmode none\n{batch}addr add {}/{} dev eth0 nodad\n",
        six.address, six.bits
    );
    run_tool("ip", &["-batch", "-"], &batch)?;
    run_tool(
        "ip",
        &["-6", "route", "add", "default", "via", &six.gateway.to_string()],
        "",
    )?;
    // The engine gives containers addresses of their own range; old engines do not translate them by themselves.
    let translate = format!("*nat\n-A POSTROUTING -s {BRIDGE6} -o eth0 -j MASQUERADE\nCOMMIT\n");
    run_tool("ip6tables-restore", &["--noflush"], &translate)
}

/// Names are resolved at the cell's own address. The engine gives its containers the same search.
pub(super) fn resolve_at(address: Ipv4Addr, search: &Search) -> Outcome {
    let mut file = format!("nameserver {address}\n");
    if !search.domains.is_empty() {
        file += &format!("search {}\n", search.domains.join(" "));
    }
    if let Some(dots) = search.ndots {
        file += &format!("options ndots:{dots}\n");
    }
    write(Path::new("/etc/resolv.conf"), &file)
}

/// A socket in the cell's network. It stays there whoever holds it.
pub(super) fn listen(address: SocketAddr, kind: Door) -> Outcome<OwnedFd> {
    let complain = |error| format!("listen on {address}: {error}");
    match kind {
        Door::Stream => TcpListener::bind(address).map(OwnedFd::from).map_err(complain),
        Door::Datagram => UdpSocket::bind(address).map(OwnedFd::from).map_err(complain),
    }
}
