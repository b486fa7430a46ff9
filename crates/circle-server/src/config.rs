//! What an operator may set. Every field has a default; the command line and its variables fill it in.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use circle_core::run::LogBounds;
use circle_net::Allow;
use serde::Deserialize;

use crate::notify::MailConfig;

/// How the server keeps its promises.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerConfig {
    /// The server's own folder: records, logs, outputs, mirrors, keys. Default `/var/lib/circle/server`;
    /// `CIRCLE_SERVER_DATA`.
    pub data: PathBuf,
    /// The address under which people, hooks and the pages of runs reach it, without a slash at the end. Default
    /// `http://127.0.0.1:8080`; `CIRCLE_URL`.
    pub url: String,
    /// A program and its arguments that print the master keys; the file `master-key` in `data` when absent. No shell reads it.
    /// `CIRCLE_MASTER_KEY_COMMAND`.
    pub master_key_command: Option<Vec<String>>,
    /// A worker that is silent for so long has lost its run, in milliseconds. Default 15,000; `CIRCLE_LEASE_MS`.
    pub lease_ms: u64,
    /// At shutdown, requests get so long to end, in milliseconds. Default 10,000; `CIRCLE_DRAIN_MS`.
    pub drain_ms: u64,
    /// Most bytes of one stage's stored output. Default 4 GiB; `CIRCLE_OUTPUT_LIMIT_BYTES`.
    pub output_limit_bytes: u64,
    /// Logs and outputs of ended runs are kept so long, in days; the runs themselves stay. Default 90;
    /// `CIRCLE_KEEP_DAYS`.
    pub keep_days: u32,
    /// The audit is kept so long, in days; nothing else takes entries out of it. Default 400, a year and what an auditor needs to
    /// ask for it; `CIRCLE_KEEP_AUDIT_DAYS`.
    pub keep_audit_days: u32,
    /// How much one stage and one run may print, and how fast. Default 256 MiB, 1 GiB, 64 MiB a second.
    pub log: LogBounds,
    /// Private networks and services that the server may call: a forge, a repository, a webhook's receiver, a target. Default: none, only the
    /// internet; `CIRCLE_ALLOW_OUTGOING`.
    pub allow_outgoing: Vec<Allow>,
    /// The mail server. Default: none, and nobody gets mail.
    pub mail: Option<MailConfig>,
}

/// Where the server listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ListenConfig {
    /// A unix socket, made with mode 0660. Default `/var/lib/circle/server/circle.sock`; `CIRCLE_SOCKET`.
    pub socket: Option<PathBuf>,
    /// A TCP address. Default `127.0.0.1:8080`; `CIRCLE_LISTEN`.
    pub tcp: Option<SocketAddr>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            data: PathBuf::from("/var/lib/circle/server"),
            url: "http://127.0.0.1:8080".into(),
            master_key_command: None,
            lease_ms: 15_000,
            drain_ms: 10_000,
            output_limit_bytes: 4 * 1024 * 1024 * 1024,
            keep_days: 90,
            keep_audit_days: 400,
            log: LogBounds::default(),
            allow_outgoing: Vec::new(),
            mail: None,
        }
    }
}

impl Default for ListenConfig {
    fn default() -> Self {
        Self {
            socket: Some(PathBuf::from("/var/lib/circle/server/circle.sock")),
            tcp: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 8080))),
        }
    }
}

impl ServerConfig {
    /// The same for another folder and address.
    pub fn new(data: impl Into<PathBuf>, url: impl Into<String>) -> Self {
        Self {
            data: data.into(),
            url: url.into(),
            ..Self::default()
        }
    }
}
