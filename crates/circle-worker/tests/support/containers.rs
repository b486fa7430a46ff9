//! A host with an engine and nothing else, whose cells are containers.

use std::path::PathBuf;
use std::process::Command;

use circle_cell::conformance::{HostEngine, Reach};
use circle_cell::container::{ContainerConfig, ContainerProvider};
use circle_cell::process::InitProgram;
use tempfile::TempDir;

use super::example;

/// The image that carries cells.
const IMAGE: &str = "circle/worker-base:12";

/// The host; it goes when it is dropped.
pub(crate) struct Host {
    pub(crate) engine: HostEngine,
    folder: TempDir,
}

impl Host {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("cwh").tempdir_in("/var/tmp");
        let folder = folder.expect("a folder");
        let engine = HostEngine::start(&folder.path().join("engine"), Reach::default()).await;
        engine.load(&worker_image()).await;
        Self { engine, folder }
    }

    pub(crate) async fn provider(&self) -> ContainerProvider {
        let config = ContainerConfig {
            socket: self.engine.socket(),
            image: IMAGE.to_owned(),
            state: self.folder.path().join("state"),
            init: InitProgram {
                program: example("cell-init"),
                args: Vec::new(),
            },
        };
        ContainerProvider::open(config).await.expect("a provider")
    }
}

/// The archive of the image with a daemon, as the project's chores make it; made now when it is missing.
fn worker_image() -> PathBuf {
    let beside = || {
        let this = std::env::current_exe().expect("this program");
        this.ancestors().nth(2).expect("the target folder").join("xtask")
    };
    let chores = std::env::var_os("CIRCLE_XTASK").map_or_else(beside, PathBuf::from);
    let output = Command::new(&chores).args(["images", "path", "worker-base"]).output();
    let output = output.unwrap_or_else(|error| panic!("{}: {error}; build the workspace", chores.display()));
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    assert!(path.is_file(), "{}", String::from_utf8_lossy(&output.stderr));
    path
}
