//! An engine that can be killed and started again: a second dockerd in the Swarm's cell, because a cell ends with its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use circle_cell::{Cell, Exit, InCell, InCellChild};
use http::Method;
use serde_json::Value;
use tokio::io::{AsyncReadExt, copy, sink};
use tokio::task::JoinSet;

use crate::LabError;
use crate::engine::call;

/// Longest wait for the daemon's first answer; after a kill it looks after its containers first.
const READY_LIMIT: Duration = Duration::from_secs(40);
/// Between two looks.
const LOOK_PERIOD: Duration = Duration::from_millis(50);
/// Where packages put the daemon.
const DAEMONS: [&str; 4] = [
    "/usr/local/bin/dockerd",
    "/usr/local/sbin/dockerd",
    "/usr/bin/dockerd",
    "/usr/sbin/dockerd",
];
/// Its bridge beside that of the cell's own daemon, and the network of it.
const BRIDGE: (&str, &str) = ("mortal0", "172.31.254.1/24");

/// The daemon, while it lives, and what it is started with.
#[derive(Debug)]
pub(crate) struct MortalEngine {
    socket: PathBuf,
    arguments: Vec<String>,
    process: Option<InCellChild>,
    /// Read what it says, so that it never waits for a reader.
    readers: JoinSet<()>,
}

impl MortalEngine {
    /// Makes its place in the cell and starts it.
    pub(crate) async fn start(cell: &Cell) -> Result<Self, LabError> {
        let folder = cell.new_folder("mortal-engine").await?;
        let group = run(cell, &["/bin/cat", "/proc/self/cgroup"]).await?;
        let jobs =
            jobs_group(&group).ok_or_else(|| LabError::io(format!("find the jobs' group in {group:?}"), nothing()))?;
        for words in [
            ["/sbin/ip", "link", "add", BRIDGE.0, "type", "bridge"].as_slice(),
            &["/sbin/ip", "address", "add", BRIDGE.1, "dev", BRIDGE.0],
            &["/sbin/ip", "link", "set", BRIDGE.0, "up"],
        ] {
            run(cell, words).await?;
        }
        let inside = folder.inside().display();
        let arguments = vec![
            format!("--host=unix://{inside}/docker.sock"),
            format!("--data-root={inside}/docker"),
            "--exec-root=/run/mortal-engine".to_owned(),
            "--pidfile=/run/mortal-engine.pid".to_owned(),
            "--exec-opt=native.cgroupdriver=cgroupfs".to_owned(),
            format!("--cgroup-parent={jobs}"),
            "--storage-driver=overlay2".to_owned(),
            format!("--bridge={}", BRIDGE.0),
            "--default-address-pool=base=172.31.128.0/18,size=24".to_owned(),
            format!("--dns={}", cell.address()),
            "--log-level=warn".to_owned(),
        ];
        let mut engine = Self {
            socket: folder.host().join("docker.sock"),
            arguments,
            process: None,
            readers: JoinSet::new(),
        };
        engine.revive(cell).await?;
        Ok(engine)
    }

    /// Its socket on this machine.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// SIGKILL for the daemon and what it started for itself; what runs in containers is not asked.
    pub(crate) async fn kill(&mut self) -> Result<(), LabError> {
        if let Some(mut process) = self.process.take() {
            process.kill().await?;
            process.wait().await?;
        }
        Ok(())
    }

    /// Starts it on what the one before left.
    pub(crate) async fn revive(&mut self, cell: &Cell) -> Result<(), LabError> {
        let daemon = DAEMONS.iter().find(|place| Path::new(place).exists());
        let daemon = daemon.ok_or_else(|| LabError::Missing {
            program: "dockerd".into(),
        })?;
        let argv = std::iter::once((*daemon).to_owned()).chain(self.arguments.iter().cloned());
        let mut command = InCell::new(None, argv);
        command.environment = vec![
            (
                "PATH".into(),
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".into(),
            ),
            ("HOME".into(), "/root".into()),
        ];
        let mut process = cell.exec(command).await?;
        for mut stream in [process.stdout.take(), process.stderr.take()].into_iter().flatten() {
            self.readers.spawn(async move {
                // It ends with the daemon.
                let _ = copy(&mut stream, &mut sink()).await;
            });
        }
        self.process = Some(process);
        let start = Instant::now();
        loop {
            match call(&self.socket, Method::GET, "/info", &Value::Null).await {
                Ok(_) => return Ok(()),
                Err(error) if start.elapsed() > READY_LIMIT => return Err(error),
                Err(_) => tokio::time::sleep(LOOK_PERIOD).await,
            }
        }
    }
}

/// The group for containers: programs that are started in a cell by hand are in a part of it.
fn jobs_group(of_a_helper: &str) -> Option<String> {
    let mut paths = of_a_helper.lines().filter_map(|line| line.rsplit(':').next());
    paths.find_map(|path| path.split_once("/jobs/").map(|(cell, _)| format!("{cell}/jobs")))
}

fn nothing() -> std::io::Error {
    std::io::ErrorKind::NotFound.into()
}

/// Runs a program as root of the cell and gives what it printed.
async fn run(cell: &Cell, words: &[&str]) -> Result<String, LabError> {
    let mut child = cell.exec(InCell::new(None, words.iter().copied())).await?;
    let mut said = String::new();
    if let Some(mut out) = child.stdout.take() {
        let read = out.read_to_string(&mut said).await;
        read.map_err(|source| LabError::io("read what a program in the cell says", source))?;
    }
    match child.wait().await? {
        Exit::Code(0) => Ok(said),
        other => Err(LabError::io(
            format!("run {}: {other:?}", words.join(" ")),
            std::io::ErrorKind::Other.into(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::jobs_group;

    #[test]
    fn the_jobs_group_is_found_in_both_versions() {
        let versions = [
            "12:pids:/circle/a/jobs/helpers\n11:memory:/circle/a/jobs/helpers\n0::/\n",
            "0::/circle/a/jobs/helpers\n",
        ];
        for text in versions {
            assert_eq!(jobs_group(text).as_deref(), Some("/circle/a/jobs"));
        }
        assert_eq!(jobs_group("0::/\n"), None);
    }
}
