//! `circle cell-init`: PID 1 of a cell. Hidden, and asked for before anything else: it must run before any thread.

use std::ffi::OsStr;
use std::process::ExitCode;

/// Becomes PID 1 of a cell when the worker started this program as such; else `None` and at once.
pub(crate) fn main_if_asked() -> Option<ExitCode> {
    let asked = std::env::args_os()
        .nth(1)
        .is_some_and(|word| word == OsStr::new("cell-init"));
    asked.then(circle_cell::init::main)
}
