//! The document of a deployment.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::note::Note;
use super::observation::Snapshot;
use super::state::DeploymentState;
use crate::environment::WorkloadCreate;
use crate::ids::{DeploymentId, EnvironmentId, RunId, ServiceId, TargetId, WorkspaceId};
use crate::names::Slug;
use crate::plan::Verify;

/// One change of one workload by one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Computed from run, environment and image: planning again makes no second one.
    pub id: DeploymentId,
    pub workspace: WorkspaceId,
    pub run: RunId,
    pub run_number: u64,
    pub service: ServiceId,
    pub service_name: Slug,
    pub environment: EnvironmentId,
    pub environment_name: Slug,
    pub target: TargetId,
    /// Its name on the target.
    pub workload: String,
    /// `target/workload`.
    pub lock: String,
    pub desired: Desired,
    /// How it is made when it is not there.
    pub create: Option<WorkloadCreate>,
    /// What must end well before it starts.
    pub needs: Vec<DeploymentId>,
    /// A check from outside after the rollout.
    pub verify: Option<Verify>,
    /// Where it answers, as bound: what `verify` asks.
    pub bound_url: Option<String>,
    /// Where it answers, as bound or as found on the target after the rollout.
    pub url: Option<String>,
    /// For the rollout, in seconds.
    pub deadline_s: u64,
    /// How long it must stay healthy, in seconds.
    pub stabilise_s: u64,
    pub state: DeploymentState,
    /// What was there before the first write; `None` = nothing, or not looked yet.
    pub before: Option<Snapshot>,
    /// Where a failure goes back to; `None` = there is no good version.
    pub previous: Option<Snapshot>,
    /// The number of the lease under which it was last changed.
    pub fence: u64,
    /// Set while the target does not answer.
    pub trouble: Option<Trouble>,
    /// The last [`super::MAX_NOTES`], oldest first.
    pub notes: Vec<Note>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The image that is wished for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// `host/path`.
    pub repository: String,
    /// `sha256:…`.
    pub digest: String,
}

/// A wish to write, stored before the target hears of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// 1, 2, 3 …
    pub attempt: u32,
    /// What must still be there when it is written.
    pub base: Base,
    pub at: Timestamp,
}

/// What an intent starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Base {
    /// No workload.
    Absent,
    /// This specification; the token is what the target called it.
    Spec { spec_hash: String, token: String },
}

/// A target that does not answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub since: Timestamp,
    pub tries: u32,
    /// Not looked at again before this.
    pub next_at: Timestamp,
    pub why: String,
}

impl Desired {
    /// `host/path@sha256:…`, the only form in which an image is deployed.
    pub fn reference(&self) -> String {
        format!("{}@{}", self.repository, self.digest)
    }
}

impl Deployment {
    /// A target that is silent for so long is called paused, in seconds.
    pub const UNREACHABLE_S: i64 = 120;
    /// A target that is silent for so long is given up, in seconds.
    pub const GIVE_UP_S: i64 = 1_800;
    /// The longest specification that is kept, in bytes.
    pub const MAX_SPEC_BYTES: usize = 64 * 1024;

    /// When something that must happen within `seconds` is late.
    pub(super) fn after(now: Timestamp, seconds: u64) -> Timestamp {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX / 4);
        now.checked_add(SignedDuration::from_secs(seconds))
            .unwrap_or(Timestamp::MAX)
    }

    /// Whether this mark is ours.
    pub(super) fn is_ours(&self, mark: Option<&str>) -> bool {
        mark.is_some_and(|mark| mark == self.id.to_string())
    }
}
