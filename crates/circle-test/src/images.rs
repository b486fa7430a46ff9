//! Base images as tars, made by the project's own chores and kept outside the clone.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::program::program;

/// The tar of one base image, such as `busybox`; made now when it is missing.
///
/// # Errors
/// When the chore cannot make it.
pub fn image(name: &str) -> Result<PathBuf> {
    let chores = match std::env::var_os("CIRCLE_XTASK") {
        Some(path) => PathBuf::from(path),
        None => program("xtask")?,
    };
    let output = Command::new(&chores)
        .args(["images", "path", name])
        .output()
        .context("start the chores")?;
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    ensure!(
        path.is_file(),
        "no image {name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(path)
}
