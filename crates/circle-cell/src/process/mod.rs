//! The process provider: cells made of this machine's own namespaces and cgroups, on Linux as root.

mod birth;
mod cell;
mod cgroup;
mod config;
mod core;
mod daemon;
mod launch;
mod network;
mod owner;
mod provider;
mod remains;
mod sweep;
mod tool;
mod views;
mod warden;
mod wire;

pub(crate) use cell::{ChildSignal, ProcessCell};
pub use config::{InitProgram, NetworkPolicy, ProcessConfig, Remap};
pub use provider::ProcessProvider;
pub(crate) use wire::ProcessKiller;
