//! What can happen to a run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::{BuiltImage, CancelCause, Phases, StoredOutput};
use super::state::{Failure, Verdict};
use crate::ids::{DeploymentId, WorkerId};
use crate::names::CommitId;
use crate::roots::BeganFrom;

/// Everything that changes a run's document.
#[derive(Debug, Clone, PartialEq)]
pub enum RunEvent {
    /// A worker took the part under this lease.
    Claimed {
        part: usize,
        worker: WorkerId,
        fence: u64,
        token_hash: String,
    },
    /// A worker reports under its lease; `sequence` grows by one within an attempt.
    Reported {
        part: usize,
        fence: u64,
        sequence: u64,
        event: WorkerEvent,
    },
    /// The lease of the part ran out.
    LeaseLost { part: usize, fence: u64 },
    /// Nobody took it in time.
    QueueTimedOut,
    /// Somebody wishes it to end.
    CancelRequested {
        cause: CancelCause,
        by: String,
        abandon: bool,
    },
    /// The server wrote down what it will deploy.
    DeploysPlanned { deployments: Vec<DeploymentId> },
    /// Every deployment has its verdict.
    Deployed { verdict: Verdict },
}

/// What a worker tells of a part; times are of its own clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WorkerEvent {
    /// It has its cell.
    CellTaken {
        began: BeganFrom,
    },
    /// The commit that was really checked out.
    CheckedOut {
        commit: CommitId,
        commit_time: Option<Timestamp>,
        title: Option<String>,
    },
    StageStarted {
        stage: String,
        at: Timestamp,
        attempt: u32,
    },
    StageSucceeded {
        stage: String,
        at: Timestamp,
        phases: Phases,
        output: Option<StoredOutput>,
    },
    /// `again` = another try of this stage follows.
    StageFailed {
        stage: String,
        at: Timestamp,
        phases: Phases,
        failure: Failure,
        again: bool,
    },
    ImageBuilt {
        image: BuiltImage,
    },
    ImagePushed {
        name: String,
        repository: String,
        digest: String,
        tags: Vec<String>,
    },
    /// All stages succeeded.
    PartSucceeded,
    /// A stage failed for good, or the worker could not go on.
    PartFailed {
        failure: Failure,
    },
    /// The cell was killed on the server's wish.
    PartCancelled,
}
