//! What the tests with real cells share: a bench with a git server, and plans written short.

#![expect(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod containers;
mod image;
pub(crate) mod looks;
mod plans;
pub(crate) mod rooted;
mod sink;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use circle_api::worker::Assignment;
use circle_cell::process::{InitProgram, ProcessConfig, ProcessProvider};
use circle_cell::{Cell, CellProvider, CellSpec, Limits, Relay, StorageChoice};
use circle_core::plan::Stage;
use circle_lab::{Credentials, GitServer, Registry, Repository};
use circle_worker::{Around, End, execute};
use tempfile::TempDir;

pub(crate) use image::busybox;
pub(crate) use plans::*;
pub(crate) use sink::MemorySink;

/// Longest wait for a whole run.
const RUN_LIMIT: Duration = Duration::from_secs(150);

/// A provider of cells, a git server with one repository, and perhaps a registry.
pub(crate) struct Bench {
    pub(crate) provider: ProcessProvider,
    pub(crate) git: GitServer,
    pub(crate) repository: Repository,
    pub(crate) registry: Option<Registry>,
    pub(crate) folder: TempDir,
}

/// How a run ended, and all that was told.
pub(crate) struct Ran {
    pub(crate) end: End,
    pub(crate) sink: Arc<MemorySink>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(None, StorageChoice::Auto).await
    }

    /// Whose cells are stored in this way.
    pub(crate) async fn stored(storage: StorageChoice) -> Self {
        Self::with(None, storage).await
    }

    pub(crate) async fn with_registry(credentials: Option<&Credentials>) -> Self {
        Self::with(Some(credentials), StorageChoice::Auto).await
    }

    async fn with(registry: Option<Option<&Credentials>>, storage: StorageChoice) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("cw")
            .tempdir_in("/var/tmp")
            .expect("a folder");
        let init = InitProgram {
            program: example("cell-init"),
            args: Vec::new(),
        };
        let config = ProcessConfig {
            storage,
            ..ProcessConfig::new(folder.path().join("state"), init)
        };
        let provider = ProcessProvider::open(config).expect("a provider");
        let git = GitServer::start(&folder.path().join("git"))
            .await
            .expect("a git server");
        let repository = git.repository("shop").await.expect("a repository");
        let registry = match registry {
            Some(credentials) => Some(
                Registry::start(&folder.path().join("registry"), credentials)
                    .await
                    .expect("a registry"),
            ),
            None => None,
        };
        Self {
            provider,
            git,
            repository,
            registry,
            folder,
        }
    }

    /// A cell with busybox that reaches the bench's servers.
    pub(crate) async fn cell(&self) -> Cell {
        self.cell_within(Limits::default()).await
    }

    /// The same, bounded.
    pub(crate) async fn cell_within(&self, limits: Limits) -> Cell {
        let addresses = [Some(self.git.address()), self.registry.as_ref().map(Registry::address)];
        let relays: Vec<Relay> = addresses
            .iter()
            .flatten()
            .map(|address| address.parse().expect("a relay"))
            .collect();
        let spec = CellSpec {
            images: vec![busybox()],
            relays,
            limits,
            ..CellSpec::default()
        };
        self.provider.start(&spec).await.expect("a cell starts")
    }

    /// A cell with busybox that reaches these servers.
    pub(crate) async fn cell_with(&self, relays: Vec<Relay>) -> Cell {
        let spec = CellSpec {
            images: vec![busybox()],
            relays,
            ..CellSpec::default()
        };
        self.provider.start(&spec).await.expect("a cell starts")
    }

    /// Commits these files and gives the commit.
    pub(crate) async fn commit(&self, files: &[(&str, &str)]) -> String {
        for (path, content) in files {
            self.repository.write(path, content).expect("a file");
        }
        let commit = self.repository.commit("Make it so").await.expect("a commit");
        self.repository.push("main").await.expect("a push");
        commit
    }

    /// Runs stages after a checkout in a fresh cell.
    pub(crate) async fn run(&self, stages: Vec<Stage>) -> Ran {
        let mut all = vec![checkout()];
        all.extend(stages);
        self.run_assignment(assignment(self.repository.url(), all)).await
    }

    pub(crate) async fn run_assignment(&self, assignment: Assignment) -> Ran {
        let cell = self.cell().await;
        self.run_in(cell, assignment).await
    }

    pub(crate) async fn run_in(&self, cell: Cell, assignment: Assignment) -> Ran {
        let sink = Arc::new(MemorySink::new(self.folder.path().join("outputs")));
        let executed = execute(&assignment, &cell, Duration::ZERO, Around::new(sink.clone()));
        let end = tokio::time::timeout(RUN_LIMIT, executed).await;
        let end = end.unwrap_or_else(|_| panic!("the run does not end:\n{}", sink.all()));
        cell.kill().await.expect("the cell is removed");
        Ran { end, sink }
    }
}

impl Ran {
    /// The run succeeded, or a panic with all its output.
    pub(crate) fn succeeded(&self) -> &Self {
        assert_eq!(self.end, End::Succeeded, "{}", self.sink.all());
        self
    }

    /// The failure's message and kind, or a panic with all its output.
    pub(crate) fn failure(&self) -> &circle_core::run::Failure {
        match &self.end {
            End::Failed(failure) => failure,
            End::Succeeded => panic!("the run succeeded:\n{}", self.sink.all()),
        }
    }
}

/// An example of this package, which cargo builds beside the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("this program");
    let path = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("target folder")
        .join("examples")
        .join(name);
    assert!(path.is_file(), "{} is not built", path.display());
    path
}
