//! Every provider through the suite of the port.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use circle_cell::conformance::{CASES, Fixture, HostEngine, OWN_DAEMON, Reach, run};
use circle_cell::container::{ContainerConfig, ContainerProvider};
use circle_cell::process::ProcessProvider;
use circle_cell::shared::{SharedConfig, SharedProvider};
use circle_cell::{Cell, CellProvider, CellSpec};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::machine::Machine;
use support::{busybox, config};
use tempfile::TempDir;

/// Cells of this machine.
struct Processes {
    folder: TempDir,
    opened: std::sync::atomic::AtomicU32,
}

impl Processes {
    fn new() -> Self {
        Self {
            folder: tempfile::Builder::new().prefix("cc").tempdir().expect("a folder"),
            opened: std::sync::atomic::AtomicU32::new(0),
        }
    }
}

#[async_trait]
impl Fixture for Processes {
    async fn open(&self) -> Arc<dyn CellProvider> {
        let number = self.opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = self.folder.path().join(number.to_string());
        Arc::new(ProcessProvider::open(config(&folder)).expect("a provider"))
    }

    fn image(&self) -> PathBuf {
        busybox()
    }

    async fn remains(&self, provider: &dyn CellProvider) -> Vec<String> {
        let described = provider.describe();
        let machine = Machine::look(&described.instance, &described.state.display().to_string());
        let named = [
            machine.mounts,
            machine.cgroups,
            machine.links,
            machine.rules,
            machine.processes,
        ];
        let folders = folders(&described.state.join("cells"));
        named.into_iter().flatten().chain(folders).collect()
    }

    async fn kill_daemon(&self, cell: &Cell) {
        let instance = cell.id().as_str().split('-').next().expect("an instance");
        let processes = Machine::look(instance, "/nowhere").processes;
        let daemon = processes.iter().find(|process| process.ends_with(" dockerd"));
        let pid = daemon
            .and_then(|daemon| daemon.split(' ').next())
            .expect("a daemon runs");
        kill(Pid::from_raw(pid.parse().expect("a number")), Signal::SIGKILL).expect("the daemon is killed");
    }
}

/// Cells on an engine that is there.
struct Shared {
    engine: std::sync::Mutex<Option<HostEngine>>,
    folder: TempDir,
}

impl Shared {
    async fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("cs")
            .tempdir_in("/var/tmp")
            .expect("a folder");
        let engine = HostEngine::start(&folder.path().join("engine"), Reach::default()).await;
        Self {
            engine: std::sync::Mutex::new(Some(engine)),
            folder,
        }
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("engine/docker.sock")
    }
}

#[async_trait]
impl Fixture for Shared {
    async fn open(&self) -> Arc<dyn CellProvider> {
        let config = SharedConfig {
            socket: self.socket(),
            folder: self.folder.path().join("runs"),
        };
        Arc::new(SharedProvider::open(config).await.expect("a provider"))
    }

    fn image(&self) -> PathBuf {
        busybox()
    }

    async fn remains(&self, provider: &dyn CellProvider) -> Vec<String> {
        let described = provider.describe();
        let engine = self.engine.lock().expect("no panic").take().expect("an engine");
        let mut left = engine
            .labelled(&format!("circle.instance={}", described.instance))
            .await;
        left.extend(engine.labelled("circle.helper").await);
        *self.engine.lock().expect("no panic") = Some(engine);
        left.extend(folders(&described.state.join("cells")));
        left
    }

    async fn kill_daemon(&self, _cell: &Cell) {
        if let Some(engine) = self.engine.lock().expect("no panic").as_mut() {
            engine.kill();
        }
    }
}

/// Cells in containers on a second engine, which all cases share.
struct Containers {
    host: Arc<Host>,
    folder: TempDir,
    opened: std::sync::atomic::AtomicU32,
}

/// An engine that has the worker's image.
struct Host {
    engine: HostEngine,
    _folder: TempDir,
}

impl Host {
    async fn start() -> Arc<Self> {
        let folder = short_folder("ch");
        let engine = HostEngine::start(&folder.path().join("engine"), Reach::default()).await;
        engine.load(&support::worker_image()).await;
        Arc::new(Self {
            engine,
            _folder: folder,
        })
    }
}

fn short_folder(prefix: &str) -> TempDir {
    let folder = tempfile::Builder::new().prefix(prefix).tempdir_in("/var/tmp");
    folder.expect("a folder")
}

impl Containers {
    fn new(host: &Arc<Host>) -> Self {
        Self {
            host: host.clone(),
            folder: short_folder("cc"),
            opened: std::sync::atomic::AtomicU32::new(0),
        }
    }
}

#[async_trait]
impl Fixture for Containers {
    async fn open(&self) -> Arc<dyn CellProvider> {
        let number = self.opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let config = ContainerConfig {
            socket: self.host.engine.socket(),
            image: "circle/worker-base:12".to_owned(),
            state: self.folder.path().join(number.to_string()),
            init: support::init(),
        };
        Arc::new(ContainerProvider::open(config).await.expect("a provider"))
    }

    fn image(&self) -> PathBuf {
        busybox()
    }

    async fn remains(&self, provider: &dyn CellProvider) -> Vec<String> {
        let described = provider.describe();
        let label = format!("circle.instance={}", described.instance);
        let mut left = self.host.engine.labelled(&label).await;
        left.extend(self.host.engine.volumes().await);
        left.extend(folders(&described.state.join("cells")));
        left.extend(daemons(&described.instance));
        left
    }

    async fn kill_daemon(&self, cell: &Cell) {
        let daemon = daemons(cell.id().as_str()).pop().expect("a daemon runs");
        let pid = Pid::from_raw(daemon.parse().expect("a number"));
        kill(pid, Signal::SIGKILL).expect("the daemon is killed");
    }
}

/// Process numbers of the daemons within cells whose names begin so.
fn daemons(name: &str) -> Vec<String> {
    let parent = format!("--cgroup-parent=/circle/{name}");
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    let numbers = processes.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_daemon = |pid: &String| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).contains(&parent)
    };
    numbers.filter(is_daemon).collect()
}

fn folders(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().display().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_do_what_a_provider_must() {
    run(CASES, async || Processes::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_keep_cells_apart() {
    run(OWN_DAEMON, async || Processes::new()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_engine_does_what_a_provider_must() {
    run(CASES, Shared::new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_do_what_a_provider_must() {
    let host = Host::start().await;
    run(CASES, async || Containers::new(&host)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn containers_keep_cells_apart() {
    let host = Host::start().await;
    run(OWN_DAEMON, async || Containers::new(&host)).await;
}

/// A machine that lacks a capability starts no container that asks for it.
#[tokio::test(flavor = "multi_thread")]
async fn containers_have_the_widest_rights_that_their_engine_can_give() {
    let host = Host::start().await;
    let containers = Containers::new(&host);
    let provider = containers.open().await;
    let cell = provider.start(&CellSpec::default()).await.expect("a cell");
    let told = Command::new("/usr/bin/docker")
        .arg(format!("--host=unix://{}", host.engine.socket().display()))
        .args([
            "inspect",
            "--format",
            "{{len .HostConfig.CapDrop}}{{.HostConfig.CapDrop}} {{.HostConfig.Privileged}}",
        ])
        .arg(format!("circle-cell-{}", cell.id()))
        .output()
        .expect("the docker client");
    let told = String::from_utf8_lossy(&told.stdout).trim().to_owned();
    let (number, dropped) = if support::may_raise_limits() {
        ("0[", "[] false")
    } else {
        ("1[", "SYS_RESOURCE] false")
    };
    assert!(told.starts_with(number) && told.ends_with(dropped), "{told}");
    cell.kill().await.expect("nothing is left");
    provider.settled().await;
}
