//! The document of a run. At most 256 KiB: command marks live in the log's index, logs and outputs elsewhere.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{DeploymentId, RunId, ServiceId, WorkerId, WorkspaceId};
use crate::names::Slug;
use crate::plan::Plan;
use crate::roots::BeganFrom;
use crate::run::report::Report;
use crate::run::state::{Failure, RunState};
use crate::trigger::Trigger;

/// One execution of a service's pipeline for one trigger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    pub id: RunId,
    pub workspace: WorkspaceId,
    pub service: ServiceId,
    pub service_name: Slug,
    /// 1, 2, 3 … within the service.
    pub number: u64,
    pub trigger: Trigger,
    /// Smaller goes first; 0 is ordinary.
    pub priority: i64,
    pub state: RunState,
    /// `None` when planning failed.
    pub plan: Option<Plan>,
    /// One part now; jobs and matrices will make more.
    pub parts: Vec<Part>,
    /// One for each stage of the plan, in its order.
    pub stages: Vec<StageRecord>,
    /// What `build` and `push` made.
    pub images: Vec<BuiltImage>,
    /// What the server deploys or deployed for it.
    pub deployments: Vec<DeploymentId>,
    pub cancel: Option<Cancel>,
    /// Set when it repeats another run.
    pub rerun: Option<Rerun>,
    /// What the forge has heard of it; `None` = no forge is told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// Whether its end was turned into notices. Runs of before there were any count as told.
    #[serde(default = "told_long_ago")]
    pub noticed: bool,
    /// Ends in the queue at this time.
    pub queue_deadline: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

fn told_long_ago() -> bool {
    true
}

/// One piece of a run with its own lease and cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub name: String,
    pub state: PartState,
    /// How often it was handed to a worker; logs and events of older attempts are refused.
    pub attempt: u32,
    /// Sequence number of the last event that was applied in this attempt; an event at or below it is a repetition.
    pub applied: u64,
    /// SHA-256 of the run's token in hex, while a worker holds it.
    pub token_hash: Option<String>,
    /// Why it was given to another cell, once its first one had died under it; `None` = that did not happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried_after: Option<String>,
    /// Who executes it or executed it last.
    #[serde(default)]
    pub worker: Option<WorkerId>,
    /// What its cell began from, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began: Option<BeganFrom>,
}

/// Where a part stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum PartState {
    /// Nobody has it.
    Waiting,
    /// A worker executes it; `fence` is the lease's number.
    Leased {
        worker: WorkerId,
        fence: u64,
        since: Timestamp,
    },
    /// Its stages are over.
    Done,
}

/// What is known of one stage. Times are of the worker's clock and are compared only with one another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageRecord {
    pub name: String,
    /// The kind as in the plan: `checkout`, `integration`, `pre_build`, `build`, `push`, `post_build`.
    pub kind: String,
    pub state: StageState,
    /// Tries so far.
    pub tries: u32,
    pub phases: Phases,
    /// What it left for later stages and reruns.
    pub output: Option<StoredOutput>,
    /// Set when it was taken over from the run that is repeated.
    pub reused: bool,
}

/// Where a stage stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum StageState {
    Waiting,
    Running {
        since: Timestamp,
    },
    Succeeded {
        since: Timestamp,
        at: Timestamp,
    },
    Failed {
        since: Timestamp,
        at: Timestamp,
        failure: Failure,
    },
    /// The run ended before or while it ran.
    Cancelled {
        at: Timestamp,
    },
    /// An earlier stage failed.
    NotRun,
}

/// Where the time of a stage went, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Phases {
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

/// Outputs of a stage, as one tar in the blob store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredOutput {
    /// `sha256:…` of the tar.
    pub digest: String,
    pub bytes: u64,
}

/// One image of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltImage {
    /// The key under `images`, or `default`.
    pub name: String,
    /// The engine's id, `sha256:…`.
    pub image_id: String,
    /// `host/path` once pushed.
    pub repository: Option<String>,
    /// The manifest digest once pushed.
    pub digest: Option<String>,
    pub tags: Vec<String>,
    pub bytes: u64,
}

/// Somebody's wish to end a run; kept, so that it survives every crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancel {
    pub cause: CancelCause,
    /// Who asked.
    pub by: String,
    pub at: Timestamp,
    /// In a deployment: stop watching instead of rolling back.
    pub abandon: bool,
}

/// Why a run is cancelled, weakest first; a stronger cause replaces a weaker one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelCause {
    /// A newer push of the same ref.
    Superseded,
    /// A person.
    Requested,
    /// The whole run took too long.
    RunTimeout,
    /// The service or workspace is gone.
    Removed,
}

/// What a run repeats.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rerun {
    pub of: RunId,
    /// Stages before it are taken over: same commit, stored outputs, pinned digests. `None` = all anew.
    pub from_stage: Option<String>,
    /// Whether the cell of a stage that fails is kept for a shell.
    #[serde(default)]
    pub hold: bool,
}

impl Run {
    /// When a worker had it first; `None` when it never left the queue. A run that was given back waited longer than this
    /// tells, so it is for estimates and not for accounts.
    pub fn started_at(&self) -> Option<Timestamp> {
        let started = self.parts.iter().any(|part| part.attempt > 0);
        let own = self.stages.iter().filter(|stage| !stage.reused);
        let queue_ms: u64 = own.map(|stage| stage.phases.queue_ms).sum();
        let waited = SignedDuration::from_millis(i64::try_from(queue_ms).ok()?);
        self.created_at.checked_add(waited).ok().filter(|_| started)
    }
}

impl Part {
    /// A part that nobody has taken yet.
    pub fn waiting(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            state: PartState::Waiting,
            attempt: 0,
            applied: 0,
            token_hash: None,
            retried_after: None,
            worker: None,
            began: None,
        }
    }
}
