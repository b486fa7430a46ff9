//! Runs as people read them: views made from the stored document.

use std::collections::BTreeMap;

use circle_core::ids::{RunId, ServiceId, WorkspaceId};
use circle_core::names::Slug;
use circle_core::roots::BeganFrom;
use circle_core::run::{BuiltImage, Run, RunState as Stored, StageState, Verdict};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::deployment::DeploymentView;
use super::pull_request::PullRequestView;
use super::stage::{FailureView, StageView, milliseconds};

/// Which runs, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RunQuery {
    /// Only of this service, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub service: Option<Slug>,
    /// Only in this state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub state: Option<RunState>,
    /// The `next` of the page before; absent for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Items, 1 to 200; 50 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u32>,
}

/// Where a run stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waits for a worker with a free cell.
    Queued,
    /// A worker executes it.
    Running,
    /// Every stage succeeded; the server deploys.
    Deploying,
    Succeeded,
    Failed,
    Cancelled,
    /// The trigger's rules say that there is nothing to do.
    Skipped,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunSummary {
    #[schema(value_type = String)]
    pub id: RunId,
    #[schema(value_type = String)]
    pub service: ServiceId,
    #[schema(value_type = String)]
    pub service_name: Slug,
    /// 1, 2, 3 … within the service.
    pub number: u64,
    pub state: RunState,
    /// `push`, `tag`, `pull_request`, `manual`, `schedule`.
    pub event: String,
    /// The full ref.
    #[serde(rename = "ref")]
    pub git_ref: String,
    /// 40 or 64 hex digits; absent until a ref was resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The first line of the commit's message, at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Who asked.
    pub actor: String,
    /// Why, when somebody asked by hand and said so; at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The stage that runs now, or that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<String>,
    /// Why it failed, was cancelled or skipped, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Somebody asked to end it; it ends as soon as everything of it is dead.
    #[serde(default)]
    pub cancelling: bool,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// From creation to end, in milliseconds; absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
}

/// Everything about one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunView {
    pub run: RunSummary,
    /// Where it belongs: what may be done with it is a matter of the role there.
    #[schema(value_type = String)]
    pub workspace: WorkspaceId,
    /// The run's page.
    pub url: String,
    /// How it ended; absent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictView>,
    /// Why it waits; only while it is queued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingReason>,
    /// What the run's cell began from; absent until it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<RootView>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequestView>,
    /// What the pipeline file's inputs are in this run, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// In the order of the plan.
    pub stages: Vec<StageView>,
    pub images: Vec<ImageView>,
    pub deployments: Vec<DeploymentView>,
    /// What the linter warned of, and why the run was tried once more, one sentence each.
    pub warnings: Vec<String>,
    /// The run that this one repeats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rerun_of: Option<RerunLink>,
    /// Runs that repeat this one, oldest first.
    pub reruns: Vec<RerunLink>,
    pub updated_at: Timestamp,
}

/// The warm root that a cell began from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RootView {
    /// A full ref of the service, `base` (the operator's images), or `empty`.
    pub name: String,
    /// Grows by one with each renewal; 0 = empty.
    pub generation: u64,
    /// The cell stood ready when the run came.
    pub warm: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum VerdictView {
    /// Every stage and deployment succeeded.
    Succeeded,
    /// Something of its own failed.
    Failed { failure: FailureView },
    /// Somebody, or a newer run, ended it.
    Cancelled {
        /// `superseded`, `requested`, `run_timeout`, `removed`.
        cause: String,
        by: String,
    },
    /// The trigger's rules say that there is nothing to do.
    Skipped { why: String },
}

/// Why a run waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WaitingReason {
    /// One sentence: "2 runs are ahead; all 4 cells are busy."
    pub sentence: String,
    /// Its place from 1 in what the sentence speaks of: the whole line, or the runs of its ref, service or workspace; absent
    /// beyond 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<u64>,
    /// In how many seconds it starts, by what the last runs of each service took; absent when nothing is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate_s: Option<u64>,
    /// When it ends by itself if nobody takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times_out_at: Option<Timestamp>,
}

/// One image of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImageView {
    /// The key under `images`, or `default`.
    pub name: String,
    /// `host/path` once pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The manifest's digest `sha256:…` once pushed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    pub tags: Vec<String>,
    /// As the engine counts it, layers unpacked.
    pub bytes: u64,
}

/// Another run of the same commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RerunLink {
    #[schema(value_type = String)]
    pub run: RunId,
    /// In the same service; absent where only the id is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Stages before it were taken over; absent = all anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_stage: Option<String>,
}

/// What a view shows beside the run's own document.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// The run's page.
    pub url: String,
    pub waiting: Option<WaitingReason>,
    pub deployments: Vec<DeploymentView>,
    pub reruns: Vec<RerunLink>,
}

impl RunView {
    /// The view of a run.
    pub fn of(run: &Run, around: Surroundings) -> Self {
        Self {
            run: RunSummary::from(run),
            workspace: run.workspace,
            url: around.url,
            verdict: match &run.state {
                Stored::Ended { verdict, .. } => Some(VerdictView::from(verdict)),
                _ => None,
            },
            waiting: around.waiting.filter(|_| matches!(run.state, Stored::Queued { .. })),
            pull_request: PullRequestView::of(run),
            inputs: run.trigger.inputs.clone(),
            stages: run.stages.iter().map(StageView::from).collect(),
            images: run.images.iter().map(ImageView::from).collect(),
            deployments: around.deployments,
            warnings: warnings(run),
            root: run
                .parts
                .iter()
                .find_map(|part| part.began.as_ref())
                .map(RootView::from),
            rerun_of: run.rerun.as_ref().map(|rerun| RerunLink {
                run: rerun.of,
                number: None,
                from_stage: rerun.from_stage.clone(),
            }),
            reruns: around.reruns,
            updated_at: run.updated_at,
        }
    }
}

fn warnings(run: &Run) -> Vec<String> {
    let of_plan = run.plan.iter().flat_map(|plan| plan.warnings.iter().cloned());
    let retried = run.parts.iter().filter_map(|part| part.retried_after.as_ref());
    of_plan
        .chain(retried.map(|why| format!("tried once more, in another cell: {why}")))
        .collect()
}

impl From<&Run> for RunSummary {
    fn from(run: &Run) -> Self {
        let ended_at = match run.state {
            Stored::Ended { at, .. } => Some(at),
            _ => None,
        };
        Self {
            id: run.id,
            service: run.service,
            service_name: run.service_name.clone(),
            number: run.number,
            state: RunState::from(&run.state),
            event: run.trigger.event.word().to_owned(),
            git_ref: run.trigger.git_ref.to_string(),
            commit: run.trigger.commit.as_ref().map(ToString::to_string),
            title: run.trigger.title.clone(),
            actor: run.trigger.actor.clone(),
            reason: run.trigger.event.reason().map(str::to_owned),
            stage: current_stage(run),
            message: message(&run.state),
            cancelling: run.cancel.is_some() && ended_at.is_none(),
            created_at: run.created_at,
            ended_at,
            duration_ms: ended_at.map(|at| milliseconds(run.created_at, at)),
        }
    }
}

/// The one that runs, else the one that failed.
fn current_stage(run: &Run) -> Option<String> {
    let running = run
        .stages
        .iter()
        .find(|stage| matches!(stage.state, StageState::Running { .. }));
    let failed = || {
        run.stages
            .iter()
            .find(|stage| matches!(stage.state, StageState::Failed { .. }))
    };
    running.or_else(failed).map(|stage| stage.name.clone())
}

fn message(state: &Stored) -> Option<String> {
    let Stored::Ended { verdict, .. } = state else {
        return None;
    };
    match verdict {
        Verdict::Succeeded => None,
        Verdict::Failed { failure } => Some(failure.message.clone()),
        Verdict::Cancelled { cause, by } => Some(format!("{} (by {by})", cause_sentence(&cause_word(cause)))),
        Verdict::Skipped { why } => Some(why.clone()),
    }
}

fn cause_sentence(cause: &str) -> &'static str {
    match cause {
        "superseded" => "a newer push of the same ref took its place",
        "run_timeout" => "the whole run took longer than its timeout",
        "removed" => "the service was removed",
        _ => "somebody asked to cancel it",
    }
}

fn cause_word(cause: &impl Serialize) -> String {
    let value = serde_json::to_value(cause).unwrap_or_default();
    value.as_str().unwrap_or("requested").to_owned()
}

impl From<&Stored> for RunState {
    fn from(state: &Stored) -> Self {
        match state {
            Stored::Queued { .. } => Self::Queued,
            Stored::Running { .. } => Self::Running,
            Stored::Deploying { .. } => Self::Deploying,
            Stored::Ended { verdict, .. } => match verdict {
                Verdict::Succeeded => Self::Succeeded,
                Verdict::Failed { .. } => Self::Failed,
                Verdict::Cancelled { .. } => Self::Cancelled,
                Verdict::Skipped { .. } => Self::Skipped,
            },
        }
    }
}

impl From<&BeganFrom> for RootView {
    fn from(began: &BeganFrom) -> Self {
        Self {
            name: began.root.clone(),
            generation: began.generation,
            warm: began.warm,
        }
    }
}

impl From<&Verdict> for VerdictView {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Succeeded => Self::Succeeded,
            Verdict::Failed { failure } => Self::Failed {
                failure: FailureView::from(failure),
            },
            Verdict::Cancelled { cause, by } => Self::Cancelled {
                cause: cause_word(cause),
                by: by.clone(),
            },
            Verdict::Skipped { why } => Self::Skipped { why: why.clone() },
        }
    }
}

impl From<&BuiltImage> for ImageView {
    fn from(image: &BuiltImage) -> Self {
        Self {
            name: image.name.clone(),
            repository: image.repository.clone(),
            digest: image.digest.clone(),
            tags: image.tags.clone(),
            bytes: image.bytes,
        }
    }
}

impl RunState {
    /// The word of the wire, which is [`circle_core::run::RunState::word`].
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Deploying => "deploying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// Whether nothing follows.
    pub fn is_ended(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled | Self::Skipped)
    }
}
