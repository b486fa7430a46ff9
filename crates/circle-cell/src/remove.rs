//! Removes folders whose contents a run decided.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// In every Debian, and in the container of a worker.
const RM: &str = "/usr/bin/rm";

/// Removes a folder with all that is in it, and says whether it was there. Links are removed, not followed. Blocks.
///
/// Another program does it: a run may have nested folders deeper than a path is long and than a thread's stack holds, and what
/// that does to the program that removes them must not happen to a worker. `rm` of GNU keeps few folders open and follows
/// no path from the top.
pub(crate) fn remove_tree(folder: &Path) -> io::Result<bool> {
    match folder.symlink_metadata() {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let arguments = [
        "--recursive".as_ref(),
        "--force".as_ref(),
        "--".as_ref(),
        folder.as_os_str(),
    ];
    let output = Command::new(RM)
        .args::<_, &OsStr>(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()?;
    if output.status.success() {
        return Ok(true);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let first = complaint.lines().next().unwrap_or("rm gave no reason");
    Err(io::Error::other(first.chars().take(500).collect::<String>()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use nix::fcntl::{OFlag, open, openat};
    use nix::sys::stat::{Mode, mkdirat};

    use super::remove_tree;

    #[test]
    fn a_tree_deeper_than_any_path_or_stack_is_removed() {
        let outside = tempfile::tempdir().expect("a folder");
        std::fs::write(outside.path().join("kept"), "x").expect("a file");
        let folder = tempfile::tempdir().expect("a folder");
        let top = folder.path().join("top");
        std::fs::create_dir(&top).expect("a folder");
        symlink(outside.path(), top.join("link")).expect("a link");
        let mut here = open(&top, OFlag::O_DIRECTORY, Mode::empty()).expect("opened");
        for _ in 0..20_000 {
            mkdirat(&here, "d", Mode::S_IRWXU).expect("a folder");
            here = openat(&here, "d", OFlag::O_DIRECTORY, Mode::empty()).expect("opened");
        }
        drop(here);
        assert!(remove_tree(&top).expect("removed"));
        assert!(!top.exists() && outside.path().join("kept").exists());
        assert!(!remove_tree(&top).expect("it is gone already"));
    }
}
