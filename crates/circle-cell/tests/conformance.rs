//! Every provider through the suite of the port.

mod support;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use circle_cell::conformance::{CASES, Fixture, HostEngine, OWN_DAEMON, Reach, run};
use circle_cell::process::ProcessProvider;
use circle_cell::shared::{SharedConfig, SharedProvider};
use circle_cell::{Cell, CellProvider};
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
