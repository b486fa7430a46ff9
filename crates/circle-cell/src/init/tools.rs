//! Small deeds that every part of the init needs, with errors that name the path.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount};

/// Why an order could not be carried out: a sentence for the worker.
pub(super) type Outcome<T = ()> = Result<T, String>;

/// The search path of the programs that the init starts.
pub(super) const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes a folder and what is above it.
pub(super) fn make_folder(path: &Path) -> Outcome {
    fs::create_dir_all(path).map_err(|error| format!("make {}: {error}", path.display()))
}

/// Writes a small file.
pub(super) fn write(path: &Path, content: &str) -> Outcome {
    fs::write(path, content).map_err(|error| format!("write {}: {error}", path.display()))
}

/// Makes a symbolic link.
pub(super) fn link(target: &Path, path: &Path) -> Outcome {
    std::os::unix::fs::symlink(target, path).map_err(|error| format!("link {}: {error}", path.display()))
}

/// Mounts a new file system on a folder that is made for it.
pub(super) fn mount_new(kind: &str, target: &Path, flags: MsFlags, options: &str) -> Outcome {
    make_folder(target)?;
    mount(Some(kind), target, Some(kind), flags, Some(options))
        .map_err(|error| format!("mount {kind} on {}: {error}", target.display()))
}

/// Shows a file or folder at a second place, which is made for it.
pub(super) fn bind(source: &Path, target: &Path) -> Outcome {
    if source.is_dir() {
        make_folder(target)?;
    } else {
        target.parent().map_or(Ok(()), make_folder)?;
        write(target, "")?;
    }
    mount(
        Some(source),
        target,
        None::<&str>,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        None::<&str>,
    )
    .map_err(|error| format!("show {} at {}: {error}", source.display(), target.display()))
}

/// Like [`bind`], so that nobody can write through the second place.
pub(super) fn bind_read_only(source: &Path, target: &Path) -> Outcome {
    bind(source, target)?;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(None::<&str>, target, None::<&str>, flags, None::<&str>)
        .map_err(|error| format!("make {} read-only: {error}", target.display()))
}

/// Runs one of the host's programs with an input; what it complains is the error.
pub(super) fn run_tool(program: &str, arguments: &[&str], input: &str) -> Outcome {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("start {program}: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(input.as_bytes())
            .map_err(|error| format!("{program}: {error}"))?;
    }
    let output = child
        .wait_with_output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
