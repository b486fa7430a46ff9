//! Why an execution is stopped from outside, said once and heard by all who work for it.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// Why an execution is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The server wishes it.
    Cancelled,
    /// The worker ends: somebody else may take the run.
    Leaving,
    /// The lease is gone: nothing more may be said of the run.
    Stale,
}

/// Stops one execution; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopper {
    token: CancellationToken,
    why: Arc<Mutex<Option<Stop>>>,
}

impl Stopper {
    /// Stops. A lost lease counts over every other reason; otherwise the first counts.
    pub(crate) fn stop(&self, stop: Stop) {
        let mut why = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if why.is_none() || stop == Stop::Stale {
            *why = Some(stop);
        }
        drop(why);
        self.token.cancel();
    }

    /// Why it was stopped, if it was.
    pub(crate) fn why(&self) -> Option<Stop> {
        *self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing may be said any more.
    pub(crate) fn is_stale(&self) -> bool {
        self.why() == Some(Stop::Stale)
    }

    /// Cancelled as soon as it is stopped.
    pub(crate) fn token(&self) -> &CancellationToken {
        &self.token
    }
}
