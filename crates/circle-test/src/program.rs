//! The programs under test, as cargo built them.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// A binary of this workspace in the profile's folder: beside the running one, or above it when that is a test in `deps`.
///
/// # Errors
/// When it was not built: `cargo build --workspace` does.
pub fn program(name: &str) -> Result<PathBuf> {
    let running = std::env::current_exe().context("where the test lies")?;
    let folder = running.parent().context("a program lies in a folder")?;
    let folder = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    let path = folder.join(name);
    ensure!(
        path.is_file(),
        "{} is not built: run `cargo build --workspace`",
        path.display()
    );
    Ok(path)
}
