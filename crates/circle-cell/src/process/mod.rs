//! The process provider: cells made of this machine's own namespaces and cgroups, on Linux as root.

mod cell;
mod config;
mod provider;

pub(crate) use cell::{ChildSignal, ProcessCell, ProcessKiller};
pub use config::{InitProgram, NetworkPolicy, ProcessConfig, Remap};
pub use provider::ProcessProvider;
