//! The port: how a cell is had, whatever carries it.

use std::collections::BTreeMap;
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

    /// Removes what is left of dead cells, of this owner of the provider's state or an earlier one. Cells that live, and
    /// whatever is not Circle's, are not touched; idempotent. Called at the start and every minute.
    async fn sweep(&self) -> Result<Swept, CellError>;

    /// Puts back what living cells rely on and others may have taken away, such as firewall rules. Cheap; called every few
    /// seconds. Nothing to do for most providers.
    async fn look_after(&self) -> Result<(), CellError> {
        Ok(())
    }

    /// Waits until nothing is left of the cells that were killed, or whose start was given up. Cells that live are waited for
    /// too. A worker that ends waits for it, so that it leaves nothing to the next one.
    async fn settled(&self) {}

    /// What this provider is, for people.
    fn describe(&self) -> Described;
}

/// What a sweep removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Names, by the kind of thing: `process`, `cgroup`, `link`, `mount`, `container`, `folder`.
    pub removed: BTreeMap<&'static str, Vec<String>>,
}

impl Swept {
    /// Whether there was nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.removed.is_empty()
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
