//! A Python environment of the chores' own, for what comes as wheels. The machine's Python stays as it is.

use std::path::{Path, PathBuf};

use anyhow::Result;

use super::apt;
use crate::{place, process};

/// The environment's pip, made now if it is missing.
pub(crate) fn pip() -> Result<PathBuf> {
    let environment = place::cache_folder("tools")?.join("venv");
    let pip = environment.join("bin/pip");
    if !pip.exists() {
        make(&environment)?;
    }
    Ok(pip)
}

/// A bare Debian has neither Python nor its venv module; only then packages are installed.
fn make(environment: &Path) -> Result<()> {
    let attempt = || process::output(process::command("python3").args(["-m", "venv"]).arg(environment));
    if attempt().is_err() {
        apt::install(&["python3", "python3-venv"])?;
        attempt()?;
    }
    Ok(())
}
