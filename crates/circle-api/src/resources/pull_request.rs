//! What a run is told of its pull request, what somebody looks at before a stranger's may run as a member's, and how they are polled.

use circle_core::run::Run;
use circle_core::trigger::{Event, Trust};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The pull request of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PullRequestView {
    pub number: u64,
    /// The branch that it goes into.
    pub into: String,
    /// Its branch lies in another repository.
    pub fork: bool,
    /// The run gets no secrets, no cache that lasts, no push, no deploy and no worker of a workspace.
    pub stranger: bool,
    /// The member who let this commit run as a member's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
}

/// What an approver looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    /// The commit that would be approved: name it in the approval.
    pub commit: String,
    /// Whom the forge has authenticated.
    pub actor: String,
    pub pull_request: PullRequestView,
    /// The pipeline file's path.
    pub pipeline_path: String,
    /// It differs from that of the branch which the pull request goes into.
    pub pipeline_changed: bool,
    /// The file of that branch; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_before: Option<String>,
    /// The file of the pull request; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_after: Option<String>,
    /// Paths that it changes; absent when there are too many, or the forge does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Vec<String>>,
}

/// Lets a commit of a stranger run as a member's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApproveRequest {
    /// The commit that was looked at, in full; another one is refused.
    #[schema(max_length = 64)]
    pub commit: String,
}

/// How pull requests are looked at, as often as branches, and what was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PullPollView {
    /// Open pull requests that were seen; absent before the first look, which starts nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<u32>,
    /// The last look that was answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<Timestamp>,
    /// The last look that found something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<Timestamp>,
    /// When they are looked at again; later when other services of the forge come first, or when it wants to be left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Timestamp>,
    /// Looks in a row that were not answered; the pauses grow with them, to an hour.
    #[serde(default)]
    pub failures: u32,
    /// What the last of them said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

impl PullRequestView {
    /// That of a run, if it has one.
    pub fn of(run: &Run) -> Option<Self> {
        let Event::PullRequest {
            number,
            into,
            fork,
            approved_by,
            ..
        } = &run.trigger.event
        else {
            return None;
        };
        Some(Self {
            number: *number,
            into: into.to_string(),
            fork: *fork,
            stranger: run.trigger.trust == Trust::Stranger,
            approved_by: approved_by.clone(),
        })
    }
}
