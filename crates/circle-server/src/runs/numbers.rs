//! Who may number the next run of a service. Without turns a hundred triggers at once would all try the same number, and
//! all but one lose, again and again; the unique key in the store stays the judge between servers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use circle_core::ids::ServiceId;
use tokio::sync::{Mutex as TurnLock, OwnedMutexGuard};

/// A lock for each service of which a run is being made. Waiters are served in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct NumberTurns {
    services: Mutex<HashMap<ServiceId, Arc<TurnLock<()>>>>,
}

impl NumberTurns {
    /// Waits for the turn; it lasts until the guard is dropped.
    pub(crate) async fn take(&self, service: ServiceId) -> OwnedMutexGuard<()> {
        let turn = {
            let mut services = self.services.lock().unwrap_or_else(PoisonError::into_inner);
            // Locks that nobody holds or waits for are only here.
            services.retain(|_, turn| Arc::strong_count(turn) > 1);
            Arc::clone(services.entry(service).or_default())
        };
        turn.lock_owned().await
    }
}
