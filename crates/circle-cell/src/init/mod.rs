//! PID 1 of a cell: the same executable started again. It builds the cell's own root, starts processes on the
//! worker's order, reaps, and ends with the worker.
//!
//! Promises: single-threaded, so that a fork may run ordinary code; when the worker is gone, however it went, the
//! control socket ends, this process exits, and the kernel kills everything in the cell.

mod bounds;
mod dev;
mod etc;
mod listen;
pub(crate) mod order;
mod root;
mod run;
mod sandbox;
mod serve;
mod settle;
mod show;
mod tools;
mod views;

use std::process::ExitCode;

pub(crate) use etc::REMAP_USER;
pub(crate) use order::CELL_FOLDER;
pub(crate) use serve::CONTROL_VARIABLE;

/// Becomes PID 1 of a cell, or of a container that becomes one; returns when the worker is gone, or at once when no worker started it. The hidden command
/// `circle cell-init` calls this before it starts any thread.
pub fn main() -> ExitCode {
    serve::serve()
}
