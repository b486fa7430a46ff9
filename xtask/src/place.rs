//! Where things lie: the clone, and the cache folder for everything that is made.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context, Result};

use crate::process;

/// The clone that this xtask works for: `cargo run` and the test runner name one of its packages. Clones may share one
/// compiled xtask, so the clone that it was compiled in is only the second choice.
pub(crate) fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        let named = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let clone = named.as_deref().and_then(|package| {
            let mut folders = package.ancestors();
            folders.find(|folder| folder.join("xtask/Cargo.toml").is_file())
        });
        clone.map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(""),
            Path::to_path_buf,
        )
    })
}

/// The folder outside the clone that chores write to: `$XDG_CACHE_HOME/circle`, else `~/.cache/circle`.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|value| !value.is_empty()) {
        Some(value) => PathBuf::from(value),
        None => {
            PathBuf::from(std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?).join(".cache")
        }
    };
    Ok(base.join("circle"))
}

/// A folder beneath the cache folder, made when it is missing.
pub(crate) fn cache_folder(name: &str) -> Result<PathBuf> {
    let folder = cache()?.join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// This program, for the tests that call it. Asked for first thing in `main`: once cargo has put a new build in its place, the
/// kernel names the running one "(deleted)".
pub(crate) fn this_program() -> Result<&'static Path> {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    if let Some(known) = PROGRAM.get() {
        return Ok(known);
    }
    let program = std::env::current_exe().context("cannot tell where this program lies")?;
    Ok(PROGRAM.get_or_init(|| program))
}

/// Where cargo puts what it compiles.
pub(crate) fn target_folder() -> Result<PathBuf> {
    #[derive(serde::Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }
    let text =
        process::output(process::command("cargo").args(["metadata", "--format-version=1", "--no-deps", "--offline"]))?;
    let metadata: Metadata = serde_json::from_str(&text).context("cannot read what cargo metadata said")?;
    Ok(metadata.target_directory)
}

/// Whether this process may install packages and make device nodes.
pub(crate) fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Removes what chores made, except compiled code: that is cargo's, and slow to get back.
pub(crate) fn clean() -> Result<()> {
    for name in ["images", "tools", "downloads", "web", "servers"] {
        let folder = cache()?.join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
            println!("removed {}", folder.display());
        }
    }
    Ok(())
}
