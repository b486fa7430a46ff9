//! Which containers of a run's engine Circle made itself, told apart by their ids: a label can be inherited from an image.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::RwLock;

use crate::engine::{Engine, RawError};

/// The ids of Circle's own containers.
#[derive(Debug, Default)]
pub(crate) struct OwnContainers {
    ids: Mutex<HashSet<String>>,
    /// Held for reading while a container is made whose id is not known yet.
    making: RwLock<()>,
}

impl OwnContainers {
    /// Makes a container and keeps its id in mind.
    pub(crate) async fn make<E>(&self, made: impl Future<Output = Result<String, E>>) -> Result<String, E> {
        let _making = self.making.read().await;
        let id = made.await?;
        self.ids().insert(id.clone());
        Ok(id)
    }

    /// Whether Circle made the container of this id.
    pub(crate) fn holds(&self, id: &str) -> bool {
        self.ids().contains(id)
    }

    /// The containers that somebody else made.
    pub(crate) async fn others(&self, engine: &Engine) -> Result<Vec<String>, RawError> {
        let _nothing_is_made = self.making.write().await;
        let mut all = engine.container_ids().await?;
        all.retain(|id| !self.holds(id));
        Ok(all)
    }

    fn ids(&self) -> std::sync::MutexGuard<'_, HashSet<String>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
