//! The port: how a cell is had, whatever carries it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::PathBuf;

use async_trait::async_trait;
use serde::Serialize;

use crate::{Cell, CellError, CellSpec, Keeps, KeptRoot, Promoted, Promotion, RootName, RootTally, StorageFacts};

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

    /// Somebody waits: cells that were begun ahead of demand get their full share of the processors.
    fn speed_up(&self) {}

    /// Waits until nothing is left of the cells that were killed, or whose start was given up. Cells that live are waited for
    /// too. A worker that ends waits for it, so that it leaves nothing to the next one.
    async fn settled(&self) {}

    /// What this provider is, for people.
    fn describe(&self) -> Described;

    /// How the provider stores what cells hold. One that says nothing else keeps nothing.
    async fn storage(&self) -> Result<StorageFacts, CellError> {
        Ok(StorageFacts {
            kind: "plain",
            sentence: "Cells begin empty.".to_owned(),
            keeps: Keeps::Nothing,
            bounded: false,
        })
    }

    /// Says what roots are made on from now on, in words that only the caller understands: the operator's images, the
    /// engine. Roots that were made on anything else are removed.
    async fn settle_roots(&self, _ground: &str) -> Result<(), CellError> {
        Ok(())
    }

    /// Ends a cell and makes what it leaves the next generation of a root. The caller has removed containers and
    /// whatever else should not be kept. Nothing is half: the root is the old one until it is the new one, also when
    /// this process is killed, or the future dropped.
    async fn promote(&self, cell: Cell, wish: Promotion) -> Result<Promoted, CellError> {
        cell.promote(wish).await
    }

    /// Every root that is kept now.
    async fn roots(&self) -> Result<Vec<KeptRoot>, CellError> {
        Ok(Vec::new())
    }

    /// How often runs asked for each root.
    async fn root_tallies(&self) -> Result<BTreeMap<RootName, RootTally>, CellError> {
        Ok(BTreeMap::new())
    }

    /// A root that is kept now.
    async fn root(&self, name: &RootName) -> Result<Option<KeptRoot>, CellError> {
        Ok(self.roots().await?.into_iter().find(|root| root.stamp.name == *name))
    }

    /// Counts that a run wished for a root, and whether it got a cell that began from it.
    async fn count_root(&self, _name: &RootName, _hit: bool) -> Result<(), CellError> {
        Ok(())
    }

    /// Removes a root; cells that began from it live on. Says whether there was one.
    async fn forget_root(&self, _name: &RootName) -> Result<bool, CellError> {
        Ok(false)
    }
}

/// What a sweep removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Names, by the kind of thing: `process`, `cgroup`, `link`, `mount`, `container`, `disk`, `folder`.
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
