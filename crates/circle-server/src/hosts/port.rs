//! The port.

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
use circle_api::worker::SecretValue;
use circle_core::ids::{RunId, WorkerId};

use crate::records::HostFinding;

/// Where workers can be started.
///
/// Promises: `start` leaves a worker that runs, or one that [`WorkerHost::workers`] shows and [`WorkerHost::remove`] removes;
/// `remove` and `clear` are idempotent; nothing that is not of this host's own label is shown, touched or removed.
#[async_trait]
pub(crate) trait WorkerHost: Send + Sync + Debug {
    /// Looks at everything that a run would need. What is wrong stands in the finding; the error is that nothing could
    /// be found out.
    async fn inspect(&self) -> Result<HostFinding, HostError>;

    /// Starts a worker for one run.
    async fn start(&self, start: &Start) -> Result<(), HostError>;

    /// The workers of this host that are there, whatever became of them.
    async fn workers(&self) -> Result<BTreeMap<WorkerId, Sight>, HostError>;

    /// What a worker printed last, for people.
    async fn last_words(&self, worker: WorkerId) -> String;

    /// Removes a worker with everything in it.
    async fn remove(&self, worker: WorkerId) -> Result<(), HostError>;

    /// Removes whatever of this host is still there: workers, images, what a start left half done.
    async fn clear(&self) -> Result<(), HostError>;
}

/// A worker that is to be started.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    pub(crate) worker: WorkerId,
    /// The worker's name on the server.
    pub(crate) name: String,
    pub(crate) run: RunId,
    /// Works once, for this worker.
    pub(crate) enrolment: SecretValue,
}

/// What is seen of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    Running,
    /// It has ended, or never began.
    Ended,
}

/// Why a host did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HostError {
    /// It may work later.
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    /// Somebody has to do something about it.
    #[error("{0}")]
    Unable(String),
}
