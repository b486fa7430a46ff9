//! The disk of the logs is full in the middle of a run: the run waits, what was acknowledged stays, and with room again
//! everything goes on by itself.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use circle_test::{Circle, Options, until};

/// Room on the log's disk, of which the ballast takes most at first.
const DISK_BYTES: usize = 32 * 1024 * 1024;
const BALLAST_BYTES: usize = 28 * 1024 * 1024;
/// More output than what is left.
const LINES: u32 = 1_000_000;
/// Longest wait until the disk is full, or until a run goes on.
const LIMIT: Duration = Duration::from_secs(60);

/// A small file system in the place of a folder; gone with its handle.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn over(folder: &Path) -> Result<Self> {
        let owner = std::fs::metadata(folder).context("the folder is there")?;
        let options = format!(
            "size={DISK_BYTES},uid={},gid={},mode={:o}",
            owner.uid(),
            owner.gid(),
            owner.permissions().mode() & 0o777
        );
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder)
            .output()?;
        ensure!(mount.status.success(), "{}", String::from_utf8_lossy(&mount.stderr));
        std::fs::write(folder.join("ballast"), vec![0; BALLAST_BYTES])?;
        Ok(Self(folder.to_owned()))
    }

    fn make_room(&self) -> Result<()> {
        Ok(std::fs::remove_file(self.0.join("ballast"))?)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server may still be there when a test fails.
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_full_log_disk_holds_the_run_back_and_loses_nothing() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    circle.stop_server().await?;
    let disk = SmallDisk::over(&circle.folder().join("data/server/logs"))?;
    circle.start_server().await?;
    let pipeline = format!("version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [seq {LINES}]\n");
    shop.write("caicloud.yml", pipeline)?;
    let run = shop.push("main").await?;
    let worker_log = circle.folder().join("worker.log");
    until("the worker hears that the disk is full", LIMIT, || async {
        let said = std::fs::read_to_string(&worker_log).map_err(|error| error.to_string())?;
        said.contains("disk of the server is full").then_some(()).ok_or(said)
    })
    .await?;
    let expected: Vec<u8> = (1..=LINES).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    let kept = run.log_bytes("integration").await?;
    ensure!(
        !kept.is_empty() && kept.len() < expected.len(),
        "{} bytes are kept",
        kept.len()
    );
    ensure!(expected.starts_with(&kept), "what is kept is what was said");
    assert_eq!(
        run.view().await?.run.state.word(),
        "running",
        "it waits and does not fail"
    );

    // Neither does a server that dies meanwhile lose what it had acknowledged.
    circle.kill_server().await?;
    circle.start_server().await?;
    let again = run.log_bytes("integration").await?;
    ensure!(
        again.len() >= kept.len() && expected.starts_with(&again),
        "{} of {} bytes",
        again.len(),
        kept.len()
    );

    disk.make_room()?;
    run.succeeds().await?;
    let log = run.log_bytes("integration").await?;
    assert_eq!(log.len(), expected.len());
    ensure!(log == expected, "every byte, in order, once");
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [echo next]\n",
    )?;
    shop.push("main").await?.succeeds().await?;
    circle.stop().await?;
    drop(disk);
    Ok(())
}
