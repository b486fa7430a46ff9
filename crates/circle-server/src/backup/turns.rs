//! What a backup reads beneath the ports, and whose turn it is.

use std::sync::Arc;

use circle_store::logs::EmbeddedLogs;
use circle_store::records::EmbeddedStore;
use tokio::sync::Mutex;

/// The embedded stores themselves: a consistent copy is theirs to make.
#[derive(Debug, Clone)]
pub struct Sources {
    pub(crate) store: EmbeddedStore,
    pub(crate) logs: EmbeddedLogs,
}

/// One backup at a time, and none while old things are removed.
#[derive(Debug)]
pub(crate) struct Turns {
    pub(super) sources: Sources,
    pub(super) making: Arc<Mutex<()>>,
    pub(super) removing: Arc<Mutex<()>>,
}

impl Turns {
    pub(crate) fn new(sources: Sources) -> Self {
        Self {
            sources,
            making: Arc::default(),
            removing: Arc::default(),
        }
    }

    /// Held by whoever removes what records have named.
    pub(crate) fn removing(&self) -> &Mutex<()> {
        &self.removing
    }
}
