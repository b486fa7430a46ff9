//! Child processes: started with the tools folder on PATH, judged by their exit code, named in the error.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::place;

/// A command that finds the tools which `setup` installed, and the folders of root that a plain user's PATH lacks.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(place::root())
        .env("PATH", search_path())
        .stdin(Stdio::null());
    command
}

/// Runs to the end with the output shown; an exit code other than 0 is an error that names the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs to the end and gives back what was printed; an error carries what the command complained of.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let result = command
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !result.status.success() {
        bail!(
            "{} ended with {}: {}",
            shown(command),
            result.status,
            String::from_utf8_lossy(&result.stderr).trim()
        );
    }
    String::from_utf8(result.stdout).with_context(|| format!("{} printed something that is not UTF-8", shown(command)))
}

/// Where a program lies, looked up as `command` would.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&search_path())
        .map(|folder| folder.join(program))
        .find(|path| is_executable(path))
}

/// Seconds for people: `0.4 s`, `73 s`.
pub(crate) fn seconds(took: Duration) -> String {
    if took < Duration::from_secs(10) {
        format!("{:.1} s", took.as_secs_f64())
    } else {
        format!("{} s", took.as_secs())
    }
}

fn search_path() -> OsString {
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&inherited).collect();
    if let Ok(cache) = place::cache() {
        folders.insert(0, cache.join("tools/bin"));
    }
    folders.extend(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from));
    std::env::join_paths(folders).unwrap_or(inherited)
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata()
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

fn shown(command: &Command) -> String {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect();
    format!("`{}`", words.join(" "))
}
