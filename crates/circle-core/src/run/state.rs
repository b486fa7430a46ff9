//! The states of a run: one enum that carries its data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::CancelCause;

/// Where a run stands. `Ended` is final: nothing follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum RunState {
    /// Waits for a worker with a free cell.
    Queued { since: Timestamp },
    /// A worker holds the lease of its part.
    Running { since: Timestamp },
    /// Every stage succeeded; the server deploys.
    Deploying { since: Timestamp },
    /// Over.
    Ended { at: Timestamp, verdict: Verdict },
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Every stage and deployment succeeded.
    Succeeded,
    /// Something of its own failed.
    Failed { failure: Failure },
    /// Somebody, or a newer run, ended it.
    Cancelled { cause: CancelCause, by: String },
    /// The trigger's rules say that there is nothing to do.
    Skipped { why: String },
}

/// Why a run or a stage failed: a kind for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub kind: FailureKind,
    /// One sentence that says what happened and, where it helps, what to do; never a secret.
    pub message: String,
    /// The stage, when it was one.
    pub stage: Option<String>,
    /// The exit code, when a command gave one.
    pub exit_code: Option<i64>,
}

/// Kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The ref or commit is not in the repository.
    CommitNotFound,
    /// The repository could not be reached or refused.
    RepositoryUnavailable,
    /// Neither a pipeline file nor a Dockerfile.
    NoPipeline,
    /// The pipeline file has errors.
    BadPipeline,
    /// Policy on the server refuses what the file asks for.
    Refused,
    /// An image could not be pulled.
    ImageUnavailable,
    /// A sidecar did not become ready, or died.
    Sidecar,
    /// A command exited with another code than 0.
    Command,
    /// A declared output is not there, or is refused.
    Output,
    /// An image could not be built.
    Build,
    /// An image could not be pushed.
    Push,
    /// A deployment failed (and was rolled back, as the deployment says).
    Deploy,
    /// A bound was passed: memory, time, silence, size.
    Bound,
    /// Two hours, or what is configured, without a free cell.
    QueueTimeout,
    /// The worker was lost and no try is left.
    WorkerLost,
    /// The run's cell died: its engine ended, or somebody killed it. Tried once more, if nothing was pushed.
    CellDied,
    /// The platform failed: an engine, a disk, a bug.
    Infrastructure,
}

impl RunState {
    /// Whether nothing follows.
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::Ended { .. })
    }

    /// One word for tables and filters: `queued`, `running`, `deploying`, `succeeded`, `failed`, `cancelled`, `skipped`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Running { .. } => "running",
            Self::Deploying { .. } => "deploying",
            Self::Ended { verdict, .. } => verdict.word(),
        }
    }
}

impl Verdict {
    /// One word for tables.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
            Self::Skipped { .. } => "skipped",
        }
    }
}

impl Failure {
    /// A failure outside any stage.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            stage: None,
            exit_code: None,
        }
    }

    /// The same, in this stage.
    pub fn in_stage(mut self, stage: impl Into<String>) -> Self {
        self.stage = Some(stage.into());
        self
    }

    /// Whether another try may help without anybody changing anything.
    pub fn is_infrastructure(&self) -> bool {
        matches!(
            self.kind,
            FailureKind::Infrastructure
                | FailureKind::WorkerLost
                | FailureKind::CellDied
                | FailureKind::ImageUnavailable
                | FailureKind::RepositoryUnavailable
                | FailureKind::Push
        )
    }
}
