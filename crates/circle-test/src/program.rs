//! The programs under test, as cargo built them.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// A binary of this workspace in the profile's folder, where the tests' own folder `deps` lies too.
///
/// # Errors
/// When it was not built: `cargo build --workspace` does.
pub(crate) fn beside_tests(name: &str) -> Result<PathBuf> {
    let test = std::env::current_exe().context("where the test lies")?;
    let folder = test.parent().and_then(|deps| deps.parent()).context("a test lies in target/<profile>/deps")?;
    let program = folder.join(name);
    ensure!(program.is_file(), "{} is not built: run `cargo build --workspace`", program.display());
    Ok(program)
}
