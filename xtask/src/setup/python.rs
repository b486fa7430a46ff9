//! A Python environment of the chores' own, for what comes as wheels. The machine's Python stays as it is.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

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

/// What tests need of PyPI: a mail server.
const WHEELS: &[&str] = &["aiosmtpd==1.4.6"];
/// Starts the environment's interpreter: a link would lose the environment.
const STARTER: &str = "#!/bin/sh\nexec \"$(dirname \"$0\")/../venv/bin/python3\" \"$@\"\n";

/// Whether the wheels of the tests are there.
pub(crate) fn has_wheels() -> Result<bool> {
    Ok(fs::read_to_string(marker()?).is_ok_and(|there| there == WHEELS.join(" ")))
}

/// Installs the wheels, and the interpreter that has them as `circle-python`.
pub(crate) fn install_wheels() -> Result<()> {
    println!("setup: {}", WHEELS.join(" "));
    let mut pip = process::command(pip()?);
    process::run(
        pip.args(["install", "--quiet", "--disable-pip-version-check"])
            .args(WHEELS),
    )?;
    let starter = place::cache_folder("tools/bin")?.join("circle-python");
    fs::write(&starter, STARTER).with_context(|| format!("cannot write {}", starter.display()))?;
    fs::set_permissions(&starter, fs::Permissions::from_mode(0o755))?;
    fs::write(marker()?, WHEELS.join(" ")).context("cannot note the wheels")
}

fn marker() -> Result<PathBuf> {
    Ok(place::cache_folder("tools")?.join("wheels"))
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
