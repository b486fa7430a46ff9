//! What was called, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counted since the start.
#[derive(Debug, Default)]
pub struct Counters {
    /// Attempts that got an answer, whatever it said.
    answered: AtomicU64,
    /// Attempts that got none.
    failed: AtomicU64,
    /// Calls that the rules forbade.
    denied: AtomicU64,
    /// Attempts that were made again.
    retried: AtomicU64,
}

impl Counters {
    pub(crate) fn answer(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failure(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn denial(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn retry(&self) {
        self.retried.fetch_add(1, Ordering::Relaxed);
    }

    /// Each counter with its name.
    pub fn all(&self) -> [(&'static str, u64); 4] {
        [
            ("answered", &self.answered),
            ("failed", &self.failed),
            ("denied", &self.denied),
            ("retried", &self.retried),
        ]
        .map(|(name, counter)| (name, counter.load(Ordering::Relaxed)))
    }
}
