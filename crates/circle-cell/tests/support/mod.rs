//! What the tests with real cells share.

#![expect(dead_code, reason = "each test file uses a part of it")]

mod image;
pub(crate) mod machine;
pub(crate) mod roots;
pub(crate) mod world;

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use circle_cell::process::{InitProgram, ProcessConfig, ProcessProvider};
use circle_cell::{Cell, CellProvider, CellSpec};
use tempfile::TempDir;

pub(crate) use image::busybox;

/// A provider in a state folder of its own.
pub(crate) struct Bench {
    pub(crate) provider: Arc<ProcessProvider>,
    pub(crate) folder: TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("cc").tempdir().expect("a folder");
        Self {
            provider: Arc::new(ProcessProvider::open(config(folder.path())).expect("a provider")),
            folder,
        }
    }

    /// Starts a cell that has the busybox image.
    pub(crate) async fn start(&self) -> Cell {
        self.start_with(CellSpec::default()).await
    }

    pub(crate) async fn start_with(&self, spec: CellSpec) -> Cell {
        let spec = CellSpec {
            images: vec![busybox()],
            ..spec
        };
        self.provider.start(&spec).await.expect("a cell starts")
    }
}

pub(crate) fn config(folder: &Path) -> ProcessConfig {
    ProcessConfig::new(folder.join("state"), init())
}

pub(crate) fn init() -> InitProgram {
    InitProgram {
        program: PathBuf::from(env!("CARGO_BIN_EXE_circle-cell-init")),
        args: Vec::new(),
    }
}

/// The archive of the image with a daemon, as the project's chores make it; made now when it is missing.
pub(crate) fn worker_image() -> PathBuf {
    let beside = || {
        let this = std::env::current_exe().expect("this program");
        this.ancestors().nth(2).expect("the target folder").join("xtask")
    };
    let chores = std::env::var_os("CIRCLE_XTASK").map_or_else(beside, PathBuf::from);
    let output = std::process::Command::new(&chores)
        .args(["images", "path", "worker-base"])
        .output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}; build the workspace", chores.display()));
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    assert!(path.is_file(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}

/// Runs the docker client against a cell.
pub(crate) async fn docker(cell: &Cell, words: &[&str]) -> Output {
    let host = format!("unix://{}", cell.socket().display());
    let command = tokio::process::Command::new("/usr/bin/docker")
        .arg("--host")
        .arg(host)
        .args(words)
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(Duration::from_secs(60), command).await;
    output
        .unwrap_or_else(|_| panic!("docker {words:?} does not end"))
        .expect("the docker client")
}

/// Like [`docker`]; its standard output, or a panic with what it complained.
pub(crate) async fn docker_ok(cell: &Cell, words: &[&str]) -> String {
    let output = docker(cell, words).await;
    assert!(
        output.status.success(),
        "docker {words:?}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

/// Whether this machine has CAP_SYS_RESOURCE (number 24) to give.
pub(crate) fn may_raise_limits() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bounding = bounding.and_then(|set| u64::from_str_radix(set.trim(), 16).ok());
    bounding.expect("a set of capabilities") & (1 << 24) != 0
}

/// Waits for a condition; the last state stands in the failure's message.
pub(crate) async fn until<S: std::fmt::Debug>(what: &str, mut look: impl FnMut() -> (bool, S)) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let (reached, state) = look();
        if reached {
            return;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited in vain: {what}; last seen: {state:?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
