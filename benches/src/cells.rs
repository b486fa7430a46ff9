//! Cells without a server, and the docker client that is measured beside them.

use std::path::Path;

use anyhow::{Result, ensure};
use circle_cell::process::{InitProgram, ProcessConfig, ProcessProvider};
use circle_test::program;
use tokio::process::Command;

/// Makes cells beneath a folder, as a worker does.
pub(crate) fn provider(folder: &Path) -> Result<ProcessProvider> {
    let init = InitProgram {
        program: program("circle")?,
        args: vec!["cell-init".into()],
    };
    Ok(ProcessProvider::open(ProcessConfig::new(folder, init))?)
}

/// Debian's own client: a newer one that stands first in PATH may want more than the daemon has.
pub(crate) async fn docker(socket: &Path, arguments: &[&str]) -> Result<()> {
    let output = Command::new("/usr/bin/docker")
        .arg("--host")
        .arg(format!("unix://{}", socket.display()))
        .args(arguments)
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "docker {arguments:?}: {said}");
    Ok(())
}
