//! Programs that the server and the supervisor start; those of cells are the probe's.

use std::process::Command;

use super::finding::Finding;

pub(super) fn findings() -> Vec<Finding> {
    vec![git(), setpriv()]
}

fn git() -> Finding {
    match version("git") {
        Some(version) => Finding::good("git", format!("{version} is installed.")),
        None => Finding::missing(
            "git",
            "git is not installed; the server reads repositories with it.",
            "Run: apt-get install git",
        ),
    }
}

fn setpriv() -> Finding {
    match version("setpriv") {
        Some(version) => Finding::good("setpriv", format!("{version} is installed.")),
        None => Finding::missing(
            "setpriv",
            "setpriv is not installed; `circle up` takes the server's rights away with it.",
            "Run: apt-get install util-linux",
        ),
    }
}

/// The first line of `--version`.
fn version(program: &str) -> Option<String> {
    let output = Command::new(program)
        .arg("--version")
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .next()?
            .trim()
            .to_owned(),
    )
}
