//! The server's usual port.

use std::net::{Ipv4Addr, TcpListener};

use super::finding::Finding;

/// The port of `circle up` without `--listen`.
const PORT: u16 = 8080;

pub(super) fn port() -> Finding {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)) {
        Ok(_) => Finding::good("port", format!("Port {PORT} is free.")),
        Err(error) => Finding::limited(
            "port",
            format!("Port {PORT} cannot be listened on: {error}."),
            "If it is not Circle's own server, stop what uses it or choose another one: circle up --listen 127.0.0.1:8081",
        ),
    }
}
