//! The binary `circle`: the composition root, and the only place that knows server, worker and command line at once.

mod args;
mod commands;
mod config;
mod context;
mod demo;
mod download;
mod exit;
mod paint;
mod printer;
mod progress;
#[cfg(test)]
mod reference;
mod run;
mod run_ref;
mod signals;
mod supervise;
mod telemetry;
mod text;

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = commands::cell_init::main_if_asked() {
        return code;
    }
    run::main()
}
