//! The page's sources: what they are, as a stamp, and a copy of them beside the libraries.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{place, process};

/// The files of git, so that what a developer's own tools left in `web/` counts nothing.
fn files() -> Result<Vec<PathBuf>> {
    let mut git = process::command("git");
    git.args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
        "web",
        "openapi.json",
    ]);
    let listed = process::output(&mut git)?;
    let mut files: Vec<PathBuf> = listed
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from)
        .collect();
    files.retain(|file| place::root().join(file).is_file());
    files.sort();
    Ok(files)
}

/// Changes when any source does.
pub(super) fn stamp() -> Result<String> {
    let mut git = process::command("git");
    git.args(["hash-object", "--no-filters", "--"]).args(files()?);
    process::output(&mut git)
}

/// Copies the sources to where the libraries are, and removes what is no source any more.
pub(super) fn lay_out() -> Result<PathBuf> {
    let build = super::folder()?.join("build");
    let _ = fs::remove_dir_all(build.join("src"));
    let _ = fs::remove_dir_all(build.join("stories"));
    for file in files()? {
        let to = match file.strip_prefix("web") {
            Ok(inner) => build.join(inner),
            Err(_) => super::folder()?.join(&file),
        };
        copy(&place::root().join(&file), &to)?;
    }
    Ok(build)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}
