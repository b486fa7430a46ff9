//! The port: how a cell is had, whatever carries it.

use std::fmt::Debug;
use std::path::PathBuf;

use async_trait::async_trait;
use serde::Serialize;

use crate::{Cell, CellError, CellSpec};

/// Starts cells and removes what a crash left of them.
///
/// Promises: a returned cell answers at its socket; a start that fails or is dropped leaves nothing behind (at the
/// latest after the next `sweep`); two providers on one machine never touch each other's cells.
/// `start` may be called side by side.
#[async_trait]
pub trait CellProvider: Send + Sync + Debug {
    /// Starts a cell; returns when its daemon answers and its images are loaded.
    async fn start(&self, spec: &CellSpec) -> Result<Cell, CellError>;

    /// Removes what earlier owners of this provider's state left behind. Cells that live are not touched; idempotent.
    async fn sweep(&self) -> Result<Swept, CellError>;

    /// What this provider is, for people.
    fn describe(&self) -> Described;
}

/// What a sweep removed: names, for the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Processes that were still running in dead cells.
    pub processes: Vec<String>,
    /// Cgroup folders.
    pub cgroups: Vec<String>,
    /// Network links.
    pub links: Vec<String>,
    /// Mounts.
    pub mounts: Vec<String>,
    /// Folders of dead cells.
    pub folders: Vec<PathBuf>,
}

impl Swept {
    /// Whether there was nothing to remove.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What a provider says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Described {
    /// The provider's kind: `process`.
    pub kind: &'static str,
    /// The name that everything of this instance carries.
    pub instance: String,
    /// How the daemons store images.
    pub storage: &'static str,
    /// Where the state lies.
    pub state: PathBuf,
}
