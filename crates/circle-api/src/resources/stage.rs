//! Stages of a run as people read them.

use circle_core::run::{Failure, Phases, StageRecord, StageState};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StageView {
    /// Unique in the run: `checkout`, `integration`, `pre_build`, `build`, `integration.smoke`, `push`, `post_build`.
    pub name: String,
    /// `checkout`, `integration`, `pre_build`, `build`, `push`, `post_build`.
    pub kind: String,
    pub state: StageWord,
    /// By the worker's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// By the worker's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// From start to end, in milliseconds; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Tries so far.
    pub tries: u32,
    pub phases: PhasesView,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureView>,
    /// Taken over from the run that is repeated.
    #[serde(default)]
    pub reused: bool,
    /// What its `outputs:` copied out. It is told for ever; the tar itself is kept as long as logs are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputView>,
}

/// The outputs of a stage: a tar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OutputView {
    /// `sha256:…` of the tar.
    pub digest: String,
    /// Its size.
    pub bytes: u64,
}

/// Where a stage stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StageWord {
    Waiting,
    Running,
    Succeeded,
    Failed,
    /// The run ended before or while it ran.
    Cancelled,
    /// An earlier stage failed.
    NotRun,
}

/// Where the time of a stage went, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PhasesView {
    /// Waiting for a worker; only on the first stage.
    pub queue_ms: u64,
    /// Waiting for the cell; only on the first stage.
    pub cell_ms: u64,
    /// Waiting for images that were not there yet.
    pub pull_ms: u64,
    /// Creating and starting containers, sidecars until ready included.
    pub start_ms: u64,
    /// The commands, the build, the push.
    pub run_ms: u64,
    /// Outputs to the later stages and to the server.
    pub copy_out_ms: u64,
}

/// Why a run, a stage or a deployment failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailureView {
    /// One word: `commit_not_found`, `repository_unavailable`, `no_pipeline`, `bad_pipeline`, `refused`,
    /// `image_unavailable`, `sidecar`, `command`, `output`, `build`, `push`, `deploy`, `bound`, `queue_timeout`,
    /// `worker_lost`, `cell_died`, `infrastructure`.
    pub kind: String,
    /// One sentence that says what happened and, where it helps, what to do.
    pub message: String,
    /// The stage, when it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// The exit code, when a command gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
}

impl From<&StageRecord> for StageView {
    fn from(record: &StageRecord) -> Self {
        let (state, started_at, ended_at, failure) = match &record.state {
            StageState::Waiting => (StageWord::Waiting, None, None, None),
            StageState::Running { since } => (StageWord::Running, Some(*since), None, None),
            StageState::Succeeded { since, at } => (StageWord::Succeeded, Some(*since), Some(*at), None),
            StageState::Failed { since, at, failure } => (StageWord::Failed, Some(*since), Some(*at), Some(failure)),
            StageState::Cancelled { at } => (StageWord::Cancelled, None, Some(*at), None),
            StageState::NotRun => (StageWord::NotRun, None, None, None),
        };
        Self {
            name: record.name.clone(),
            kind: record.kind.clone(),
            state,
            started_at,
            ended_at,
            duration_ms: started_at.zip(ended_at).map(|(from, to)| milliseconds(from, to)),
            tries: record.tries,
            phases: PhasesView::from(&record.phases),
            failure: failure.map(FailureView::from),
            reused: record.reused,
            output: record.output.as_ref().map(|output| OutputView {
                digest: output.digest.clone(),
                bytes: output.bytes,
            }),
        }
    }
}

impl From<&Phases> for PhasesView {
    fn from(phases: &Phases) -> Self {
        let Phases {
            queue_ms,
            cell_ms,
            pull_ms,
            start_ms,
            run_ms,
            copy_out_ms,
        } = *phases;
        Self {
            queue_ms,
            cell_ms,
            pull_ms,
            start_ms,
            run_ms,
            copy_out_ms,
        }
    }
}

impl From<&Failure> for FailureView {
    fn from(failure: &Failure) -> Self {
        let kind = serde_json::to_value(failure.kind).ok();
        Self {
            kind: kind
                .as_ref()
                .and_then(|kind| kind.as_str())
                .unwrap_or("infrastructure")
                .to_owned(),
            message: failure.message.clone(),
            stage: failure.stage.clone(),
            exit_code: failure.exit_code,
        }
    }
}

impl StageWord {
    /// The word for people.
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::NotRun => "not run",
        }
    }
}

/// A clock that went back gives 0.
pub(super) fn milliseconds(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}
