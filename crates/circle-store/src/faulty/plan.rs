//! What fails, and when.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What happens to a call.
#[derive(Clone, Debug)]
pub enum How {
    /// It fails and has no effect.
    Before,
    /// It takes effect and then fails: the answer was lost.
    After,
    /// It waits until the other end is notified, then goes on as usual.
    Pause(Arc<Notify>),
}

/// The nth call of an operation fails.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The method's name, such as `replace`; `*` counts all calls together.
    pub operation: &'static str,
    /// Which one, counted from 1 since the plan was made.
    pub nth: u64,
    /// In which way.
    pub how: How,
}

/// Shared by a test and its decorators. Without faults everything goes through.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    counts: HashMap<&'static str, u64>,
    faults: Vec<Fault>,
}

impl Plan {
    /// Adds a fault.
    pub fn add(&self, operation: &'static str, nth: u64, how: How) {
        self.lock().faults.push(Fault { operation, nth, how });
    }

    /// How often an operation was called; `*` for all together.
    pub fn count(&self, operation: &'static str) -> u64 {
        self.lock().counts.get(operation).copied().unwrap_or(0)
    }

    /// Counts a call and runs it with whatever is planned for it; `fail` makes the port's error for a lost connection.
    pub(super) async fn run<T, E, F>(&self, operation: &'static str, fail: fn() -> E, call: F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        match self.next(operation) {
            None => call.await,
            Some(How::Before) => Err(fail()),
            Some(How::After) => {
                call.await?;
                Err(fail())
            }
            Some(How::Pause(gate)) => {
                gate.notified().await;
                call.await
            }
        }
    }

    fn next(&self, operation: &'static str) -> Option<How> {
        let mut inner = self.lock();
        let mut planned = None;
        for counted in [operation, "*"] {
            let count = inner.counts.entry(counted).or_default();
            *count += 1;
            let nth = *count;
            let fault = inner
                .faults
                .iter()
                .find(|fault| fault.operation == counted && fault.nth == nth);
            planned = planned.or_else(|| fault.map(|fault| fault.how.clone()));
        }
        planned
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
