//! What can happen to a deployment.

use super::observation::Snapshot;
use super::state::Reason;

/// Everything that changes a deployment's document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeploymentEvent {
    /// What it needs ended well.
    NeedsMet,
    /// What it needs did not.
    NeedFailed { why: String },
    /// The workload is ours, under this fence; also after a crash, under a higher one.
    Locked { fence: u64 },
    /// The target did not answer.
    Unreachable { why: String },
    /// It answers again.
    Reached,
    /// It was silent too long.
    GivenUp { why: String },
    /// The desired version is there and healthy.
    FoundServing { snapshot: Snapshot },
    /// The next call writes; `before` is what was there, `previous` where a failure goes back to.
    Intended {
        before: Option<Snapshot>,
        previous: Option<Snapshot>,
    },
    /// The target said no to a write; nothing was changed.
    Refused { reason: Reason },
    /// The target has our version.
    Applied,
    /// How far the rollout is.
    Progress { ready: u64, desired: u64, note: String },
    /// Healthy from now on.
    Steady { ready: u64, desired: u64 },
    /// Not healthy any more.
    Unsteady { note: String },
    /// Healthy for long enough.
    RolledOut,
    /// Where it answers.
    Answers { url: String },
    /// It answers as it should.
    Verified,
    /// It does not stay: back, if there is a way.
    Failed { reason: Reason },
    /// Somebody else changed the workload: hands off.
    Drifted { message: String },
    /// The target has the recorded version again.
    BackApplied,
    /// It is healthy for long enough.
    BackRolledOut,
    /// It answers as it should.
    BackVerified,
    /// It did not become healthy.
    BackFailed { why: String },
    /// The way back found that nothing had been written.
    Untouched,
    /// Somebody wishes it to end.
    CancelRequested { by: String, abandon: bool },
}
