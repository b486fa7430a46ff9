//! `cargo xtask setup`: bring a fresh Debian or Ubuntu machine to where Circle builds, tests and runs.
//!
//! Promises: what is there is never touched or upgraded; nothing missing costs well under a second; no service is
//! started by a package that is installed here. Absent: any change to the system's own Docker or its configuration.

mod apt;
mod cargo_tools;
pub(crate) mod golang;
mod needs;
pub(crate) mod python;
pub(crate) mod wheel;

use std::time::Instant;

use anyhow::Result;

use crate::process::{self, seconds};

/// Installs what is missing and says what it did.
pub(crate) fn run() -> Result<()> {
    let start = Instant::now();
    let packages = needs::missing_packages();
    let tools = cargo_tools::missing();
    let wheels = python::has_wheels()?;
    if packages.is_empty() && tools.is_empty() && wheels {
        println!("setup: nothing is missing ({})", seconds(start.elapsed()));
        return Ok(());
    }
    apt::install(&packages)?;
    cargo_tools::install(&tools)?;
    if !wheels {
        python::install_wheels()?;
    }
    println!("setup: done ({})", seconds(start.elapsed()));
    Ok(())
}

/// Installs what running Circle and its demo needs, without the developer's tools.
pub(crate) fn for_demo() -> Result<()> {
    apt::install(&needs::missing_packages())
}

/// Installs cargo's companions only.
pub(crate) fn tools() -> Result<()> {
    cargo_tools::install(&cargo_tools::missing())
}

/// Installs one package when a program that only some chores use is missing.
pub(crate) fn need(program: &str, package: &str) -> Result<()> {
    if process::find(program).is_some() {
        Ok(())
    } else {
        apt::install(&[package])
    }
}
