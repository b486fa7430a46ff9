//! The shared provider: cells on the engine that is there, kept apart by labels alone.
//!
//! For one's own code on one's own machine (`circle run`): needs no root, only an engine's socket, and the engine's images
//! and build cache are warm. Promises: whatever a cell made is gone after it (containers, networks, volumes, the images it
//! built, its folder), and nothing else is touched. Absences: no isolation between what runs and the host beyond the
//! engine's own, no common limits of a cell, no network policy; processes beside the containers are processes of this
//! machine, of the caller's user, and see what that user sees.

mod cell;
mod children;
mod copy;
mod folders;
mod helper;
mod provider;
mod warden;

pub use provider::{SharedConfig, SharedProvider};
