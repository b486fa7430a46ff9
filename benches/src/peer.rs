//! The peer's way, as GitLab's and Drone's users have it: on a host's engine a fresh Docker-in-Docker container for each
//! job, removed with its volume afterwards.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use circle_cell::conformance::{HostEngine, Reach};
use circle_test::image;
use tempfile::TempDir;
use tokio::process::Command;

use crate::cells::docker;
use crate::memory::resident_bytes;

/// Longest wait for the daemon within.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// A daemon in a container, with the rights that it needs and this machine can give.
const RIGHTS: [&str; 8] = [
    "--cap-add=ALL",
    "--cap-drop=SYS_RESOURCE",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--security-opt=systempaths=unconfined",
    "--volume=/var/lib/docker",
    "--network=none",
    "--entrypoint=sh",
];
/// What a privileged container has from the beginning: control groups that it may write to.
const ENTRY: &str = "while read -r _ place kind _; do case $kind in cgroup*) mount -o remount,bind,rw \"$place\";; esac; done \
    < /proc/mounts; exec dockerd \"$@\"";

/// A host with an engine that has the image of the inner daemon.
pub(crate) struct Host {
    engine: HostEngine,
    folder: TempDir,
}

/// The inner daemon of one job.
pub(crate) struct Peer<'a> {
    host: &'a Host,
    name: String,
    socket: PathBuf,
}

impl Host {
    pub(crate) async fn start() -> Result<Self> {
        let folder = tempfile::tempdir_in("/var/tmp")?;
        let engine = HostEngine::start(&folder.path().join("engine"), Reach::default()).await;
        engine.load(&image("worker-base")?).await;
        Ok(Self { engine, folder })
    }

    /// Starts a job's daemon and waits until it answers. Jobs that run at the same time have different names.
    pub(crate) async fn job(&self, name: &str) -> Result<Peer<'_>> {
        let shared = self.folder.path().join(name);
        std::fs::create_dir_all(&shared)?;
        let socket = shared.join("docker.sock");
        let mount = format!("--volume={0}:{0}", shared.display());
        let host = format!("--host=unix://{}", socket.display());
        let mut words = vec!["run", "--detach", "--name", name];
        words.extend(RIGHTS);
        words.extend([
            mount.as_str(),
            "circle/worker-base:12",
            "-c",
            ENTRY,
            "sh",
            host.as_str(),
        ]);
        words.extend([
            "--storage-driver=overlay2",
            "--iptables=false",
            "--exec-opt=native.cgroupdriver=cgroupfs",
        ]);
        docker(&self.engine.socket(), &words).await?;
        let start = Instant::now();
        while !answers(&socket).await {
            ensure!(
                start.elapsed() < READY_LIMIT,
                "the daemon within does not answer: {}",
                self.log(name).await
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let name = name.to_owned();
        Ok(Peer {
            host: self,
            name,
            socket,
        })
    }

    async fn log(&self, name: &str) -> String {
        let said = self.ask(&["logs", "--tail=5", name]).await;
        said.map_or_else(
            |error| error.to_string(),
            |said| String::from_utf8_lossy(&said.stderr).into_owned(),
        )
    }

    async fn ask(&self, arguments: &[&str]) -> io::Result<Output> {
        Command::new("/usr/bin/docker")
            .arg("--host")
            .arg(format!("unix://{}", self.engine.socket().display()))
            .args(arguments)
            .output()
            .await
    }
}

impl Peer<'_> {
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Loads an image that tests have from its file.
    pub(crate) async fn load(&self, name: &str) -> Result<()> {
        let tar = image(name)?.display().to_string();
        docker(&self.socket, &["load", "--quiet", "--input", &tar]).await
    }

    /// What its processes have in memory; the engine's shim of the container is not counted.
    pub(crate) async fn resident_bytes(&self) -> Result<u64> {
        let said = self.host.ask(&["inspect", "--format", "{{.Id}}", &self.name]).await?;
        resident_bytes(String::from_utf8(said.stdout)?.trim())
    }

    /// Removes the container with its volume.
    pub(crate) async fn stop(self) -> Result<()> {
        docker(&self.host.engine.socket(), &["rm", "--force", "--volumes", &self.name]).await
    }
}

async fn answers(socket: &Path) -> bool {
    docker(socket, &["version"]).await.is_ok()
}
