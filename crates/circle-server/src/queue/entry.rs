//! What the view knows of a run that has not ended.

use std::sync::Arc;

use circle_core::ids::{RunId, ServiceId, WorkerId, WorkspaceId};
use circle_core::plan::Concurrency;
use circle_core::queue::{Priority, Ticket};
use circle_core::run::{PartState, Run, RunState};
use circle_core::trigger::Trust;
use circle_store::records::{Head, Version};

use crate::runs::is_rerun;

/// One run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: RunId,
    pub(crate) version: Version,
    pub(crate) workspace: WorkspaceId,
    pub(crate) service: ServiceId,
    pub(crate) git_ref: Arc<str>,
    /// Whose code it is: workers of a workspace do not get strangers'.
    pub(crate) trust: Trust,
    pub(crate) number: u64,
    pub(crate) priority: Priority,
    pub(crate) created_ms: i64,
    pub(crate) concurrency: Concurrency,
    /// A push or a wish of its own, no repetition of another run: it may end older runs of its ref.
    pub(crate) is_new: bool,
    pub(crate) phase: Phase,
    /// When a worker took it, in milliseconds since 1970.
    pub(crate) since_ms: Option<i64>,
    /// When it ends by itself, in milliseconds: in the queue, or while it runs.
    pub(crate) deadline_ms: Option<i64>,
    /// Somebody asked to end it.
    pub(crate) cancelled: bool,
}

/// Where it stands for the scheduler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Waiting,
    Offered { worker: WorkerId, until_ms: i64 },
    Leased { worker: WorkerId, fence: u64 },
    Deploying,
}

/// A deadline that has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    Queue(RunId),
    Run(RunId),
}

impl Entry {
    /// What a whole run says; `None` when it has ended.
    pub(crate) fn of(run: &Run, version: Version) -> Option<Self> {
        let leased = run.parts.iter().find_map(|part| match part.state {
            PartState::Leased { worker, fence, since } => Some((Phase::Leased { worker, fence }, since)),
            _ => None,
        });
        let (phase, deadline) = match run.state {
            RunState::Queued { .. } => (Phase::Waiting, Some(run.queue_deadline)),
            RunState::Running { .. } => (leased.map_or(Phase::Waiting, |(phase, _)| phase), run.run_deadline()),
            RunState::Deploying { .. } => (Phase::Deploying, None),
            RunState::Ended { .. } => return None,
        };
        Some(Self {
            id: run.id,
            version,
            workspace: run.workspace,
            service: run.service,
            git_ref: run.trigger.git_ref.as_str().into(),
            trust: run.trigger.trust,
            number: run.number,
            priority: Priority::of_number(run.priority),
            created_ms: run.created_at.as_millisecond(),
            concurrency: run.plan.as_ref().map_or(Concurrency::Parallel, |plan| plan.concurrency),
            is_new: run.rerun.is_none(),
            phase,
            since_ms: leased.map(|(_, since)| since.as_millisecond()),
            deadline_ms: deadline.map(|at| at.as_millisecond()),
            cancelled: run.cancel.is_some(),
        })
    }

    /// What the head of a queued run says; `None` when a field is missing.
    pub(crate) fn of_queued(head: &Head) -> Option<Self> {
        let concurrency = head.fields.pointer("/concurrency").cloned()?;
        let is_members = head.text("/run/trigger/trust") == Some("member");
        Some(Self {
            id: head.id.parse().ok()?,
            version: head.version,
            workspace: head.text("/workspace")?.parse().ok()?,
            service: head.text("/service")?.parse().ok()?,
            git_ref: head.text("/ref")?.into(),
            // Whatever is not known to be a member's is a stranger's.
            trust: if is_members { Trust::Member } else { Trust::Stranger },
            number: u64::try_from(head.number("/number")?).ok()?,
            priority: Priority::of_number(head.number("/priority")?),
            created_ms: head.number("/created_at")?,
            concurrency: serde_json::from_value(concurrency).ok()?,
            is_new: !is_rerun(head.text("/trigger_key")?),
            phase: Phase::Waiting,
            since_ms: None,
            deadline_ms: Some(head.number("/queue_deadline")?),
            cancelled: false,
        })
    }

    /// What the line knows of it.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket {
            run: self.id,
            workspace: self.workspace,
            service: self.service,
            git_ref: Arc::clone(&self.git_ref),
            number: self.number,
            priority: self.priority,
            created_ms: self.created_ms,
            concurrency: self.concurrency,
        }
    }

    /// Whether it ends older runs of its ref.
    pub(crate) fn supersedes(&self) -> bool {
        self.is_new && self.concurrency == Concurrency::CancelRunning && !self.cancelled
    }

    /// Whether it takes a share: offered, executed or deployed.
    pub(super) fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Waiting)
    }

    /// Its fence while a worker holds it.
    pub(super) fn leased(&self) -> Option<(RunId, u64)> {
        match self.phase {
            Phase::Leased { fence, .. } => Some((self.id, fence)),
            _ => None,
        }
    }

    /// Who has it or is asked to take it.
    pub(super) fn worker(&self) -> Option<WorkerId> {
        match self.phase {
            Phase::Offered { worker, .. } | Phase::Leased { worker, .. } => Some(worker),
            Phase::Waiting | Phase::Deploying => None,
        }
    }
}
