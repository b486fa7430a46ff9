//! Where a deployment stands: one enum that carries its data.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::record::Intent;

/// The states. Those with `at` are final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum DeploymentState {
    /// Other environments of the run come first.
    Waiting { since: Timestamp },
    /// Another deployment has the workload; the oldest is next.
    Queued { since: Timestamp },
    /// The workload is ours; nothing was written.
    Locked { since: Timestamp },
    /// The wish is stored; the target may or may not have heard it.
    Intended { since: Timestamp, intent: Intent },
    /// The target has our version; it must become and stay healthy.
    Watching {
        since: Timestamp,
        deadline: Timestamp,
        steady_since: Option<Timestamp>,
        ready: u64,
        desired: u64,
    },
    /// Healthy; its answers are checked from outside.
    Verifying { since: Timestamp, deadline: Timestamp },
    /// On the way back to the recorded version.
    RollingBack {
        since: Timestamp,
        deadline: Timestamp,
        reason: Reason,
        step: BackStep,
    },
    /// The new version serves.
    Succeeded { at: Timestamp },
    /// It served already; nothing was written.
    Unchanged { at: Timestamp },
    /// The recorded version serves again.
    RolledBack {
        at: Timestamp,
        reason: Reason,
        verified: bool,
    },
    /// It failed, and so did the way back: somebody must look.
    RollbackFailed { at: Timestamp, reason: Reason, why: String },
    /// It failed and there was nothing to go back to, or nothing was written.
    Failed { at: Timestamp, reason: Reason },
    /// Ended before anything was written.
    Cancelled { at: Timestamp, why: String },
    /// Nobody watches any more; what the target serves is not known.
    Abandoned { at: Timestamp, why: String },
}

/// How far the way back is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum BackStep {
    /// The wish is stored; the target may or may not have heard it.
    Intended,
    /// The target has the recorded version; it must become and stay healthy.
    Watching { steady_since: Option<Timestamp> },
    /// Healthy; its answers are checked from outside.
    Verifying { deadline: Timestamp },
}

/// Why a version did not stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    pub kind: ReasonKind,
    /// One sentence.
    pub message: String,
}

/// Kinds of reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonKind {
    /// The target said that it will not become healthy.
    Rollout,
    /// It was not healthy in time.
    Deadline,
    /// It did not answer as it should.
    Verify,
    /// Somebody wished so.
    Cancelled,
    /// The target refused the change.
    Refused,
    /// Somebody else changed the workload meanwhile.
    Drift,
    /// The workload is not there.
    Missing,
    /// The target did not answer.
    Unreachable,
}

impl DeploymentState {
    /// Whether nothing follows.
    pub fn is_ended(&self) -> bool {
        self.ended_at().is_some()
    }

    /// When it ended.
    pub fn ended_at(&self) -> Option<Timestamp> {
        match self {
            Self::Succeeded { at }
            | Self::Unchanged { at }
            | Self::RolledBack { at, .. }
            | Self::RollbackFailed { at, .. }
            | Self::Failed { at, .. }
            | Self::Cancelled { at, .. }
            | Self::Abandoned { at, .. } => Some(*at),
            _ => None,
        }
    }

    /// Whether the run may count it as done well.
    pub fn is_good(&self) -> bool {
        matches!(self, Self::Succeeded { .. } | Self::Unchanged { .. })
    }

    /// Whether the workload is ours in this state.
    pub fn holds_workload(&self) -> bool {
        !self.is_ended() && !matches!(self, Self::Waiting { .. } | Self::Queued { .. })
    }

    /// One word for tables and indexes.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Queued { .. } => "queued",
            Self::Locked { .. } => "locked",
            Self::Intended { .. } => "intended",
            Self::Watching { .. } => "watching",
            Self::Verifying { .. } => "verifying",
            Self::RollingBack { .. } => "rolling_back",
            Self::Succeeded { .. } => "succeeded",
            Self::Unchanged { .. } => "unchanged",
            Self::RolledBack { .. } => "rolled_back",
            Self::RollbackFailed { .. } => "rollback_failed",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
            Self::Abandoned { .. } => "abandoned",
        }
    }

    /// The words of all states that are not final, for reconcilers.
    pub const ACTIVE: [&'static str; 7] = [
        "waiting",
        "queued",
        "locked",
        "intended",
        "watching",
        "verifying",
        "rolling_back",
    ];
}

impl Reason {
    /// A reason of a kind with its sentence.
    pub fn new(kind: ReasonKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}
