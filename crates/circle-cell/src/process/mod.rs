//! The process provider: cells made of this machine's own namespaces and cgroups, on Linux as root.

mod birth;
mod carrier;
mod cell;
mod certificates;
mod cgroup;
mod config;
mod contained;
mod core;
mod counters;
mod daemon;
mod debris;
mod launch;
mod network;
mod open_files;
mod owner;
mod promote;
mod provider;
mod remains;
mod shelf;
mod sweep;
mod tool;
mod views;
mod warden;
mod wire;

pub(crate) use certificates::{CERTIFICATES, trust};
pub(crate) use cgroup::{CellGroups, Hierarchies, Hits, Version as CgroupVersion, detect_cgroups};
pub use config::{InitProgram, NetworkPolicy, ProcessConfig, Remap};
pub(crate) use contained::make_writable;
pub use contained::take_control_groups;
pub(crate) use daemon::{
    DaemonLog, arguments as daemon_arguments, collect, daemon_program as find_daemon, load_image, make_network, ping,
    wait_until_ready,
};
pub(crate) use launch::{DISK_FOLDERS, environment, make_folders};
pub(crate) use network::{Doors, serve_relay, stream_listener};
pub use network::{FirewallChoice, FirewallChoiceError};
pub use open_files::{FILES_OF_A_CELL, raise_open_files};
pub(crate) use owner::Ownership;
pub use owner::instance_name;
pub use provider::ProcessProvider;
pub(crate) use tool::{has_tool, run_tool, run_tool_within};
pub(crate) use views::EMPTY_LAYER;
