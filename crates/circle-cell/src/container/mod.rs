//! The container provider: every cell is a container on a host's engine, with a daemon of its own inside. For a host that has
//! Docker and nothing else.
//!
//! Needs an engine's socket, an image with a daemon in it, and one folder that the engine sees under the same path; nothing
//! else of the host's files. Promises: what a process cell promises of daemon, folders, views and bounds; a killed cell
//! leaves no container, volume or folder; what a crash left is found by a label that only this provider uses.
//! Absences: the host's network rules are the engine's, so a cell reaches whatever that engine's containers reach, the
//! host and its neighbours included, and its containers share the engine's kernel limits; cells begin empty, and their disk
//! is unbounded. Code of strangers does not belong here.

mod cell;
mod control;
mod folders;
mod launch;
mod outer;
mod provider;
mod rights;
mod warden;

pub use provider::{ContainerConfig, ContainerProvider, WEAKNESS};
