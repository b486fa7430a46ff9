//! What a delivery, an API call or a release asks for.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::forge::Account;
use crate::ids::{TokenId, UserId};
use crate::inputs::Values;
use crate::names::{BranchName, CommitId, GitRef, TagName};
use crate::schedule::Timing;

/// The wish for one run: which commit, why, by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trigger {
    /// What happened in the repository, or what somebody asked for.
    pub event: Event,
    /// The ref that was asked for; checkout fetches it and then goes to `commit`.
    pub git_ref: GitRef,
    /// The commit; `None` until a ref was resolved (a manual trigger names only a branch).
    pub commit: Option<CommitId>,
    /// The commit's own time, when known.
    pub commit_time: Option<Timestamp>,
    /// The first line of the commit's message, cut to 200 characters.
    pub title: Option<String>,
    /// The authenticated user or hook that asked; never the commit's author.
    pub actor: String,
    /// Whether the code comes from somebody whom the workspace trusts.
    pub trust: Trust,
    /// Unique within the service: a second trigger of the same key is the same run.
    pub key: String,
    /// Paths that the push touched; `None` when unknown, and then every `paths` rule matches.
    pub changed_paths: Option<Vec<String>>,
    /// What the pipeline file's `inputs` are in this run.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub inputs: Values,
}

/// Kinds of trigger with what each carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// A branch moved.
    Push { branch: BranchName },
    /// A tag was made.
    Tag { tag: TagName },
    /// A pull request was opened or moved.
    PullRequest {
        number: u64,
        into: BranchName,
        /// What it was made against, when the forge says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base: Option<CommitId>,
        /// Its branch lies in another repository.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        fork: bool,
        /// Who must be able to push for it to be a member's: who opened it, and who moved it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        people: Vec<Account>,
        /// The member who looked at exactly this commit and let it run as a member's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<String>,
        /// By which account or token they did: their role is looked at again when the run begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approver: Option<Approver>,
    },
    /// Somebody asked by hand; plans like a push of that ref.
    Manual {
        branch: Option<BranchName>,
        tag: Option<TagName>,
        /// Why, in their own words; cut to 200 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// A commit was named instead of the ref's newest.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pinned: bool,
    },
    /// The clock asked; plans like a push of that branch unless it is a rule of the file.
    Schedule {
        /// How people call it.
        name: String,
        branch: BranchName,
        /// Which due time it is of.
        due: Timestamp,
        /// The rule of the file; `None` = it stands beside the file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rule: Option<Timing>,
    },
}

/// Whose approval it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Approver {
    /// An account, by whichever of its tokens or sessions.
    User { user: UserId },
    /// A token of the server's own.
    Token { token: TokenId },
}

/// The kinds of [`Event`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    Push,
    Tag,
    PullRequest,
    Manual,
    Schedule,
}

impl EventKind {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Push, Self::Tag, Self::PullRequest, Self::Manual, Self::Schedule];

    /// The word for `CIRCLE_EVENT` and for `triggers:` rules.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Tag => "tag",
            Self::PullRequest => "pull_request",
            Self::Manual => "manual",
            Self::Schedule => "schedule",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

impl FromStr for EventKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|kind| kind.word() == text);
        known.ok_or_else(|| {
            let words: Vec<&str> = Self::ALL.into_iter().map(Self::word).collect();
            format!("there is no event {text:?}: write one of {}", words.join(", "))
        })
    }
}

impl Event {
    /// The word for `CIRCLE_EVENT` and for `triggers:` rules.
    pub fn word(&self) -> &'static str {
        self.kind().word()
    }

    /// What it is, without what it carries.
    pub fn kind(&self) -> EventKind {
        match self {
            Self::Push { .. } => EventKind::Push,
            Self::Tag { .. } => EventKind::Tag,
            Self::PullRequest { .. } => EventKind::PullRequest,
            Self::Manual { .. } => EventKind::Manual,
            Self::Schedule { .. } => EventKind::Schedule,
        }
    }

    /// Why somebody asked by hand.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Manual { reason, .. } => reason.as_deref(),
            _ => None,
        }
    }
}

/// How far the code of a trigger is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trust {
    /// A push by a member: secrets and deploys as the environments allow.
    Member,
    /// A fork or an unapproved author: no secrets, no push, no deploy.
    Stranger,
}
