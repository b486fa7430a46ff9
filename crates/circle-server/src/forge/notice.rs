//! What a forge's call says. Pure: headers and bytes in, a notice out.

use axum::http::HeaderMap;
use circle_core::forge::{Account, ForgeKind};
use serde::{Deserialize, Serialize};

use super::{gitea, github, gitlab};

/// A call, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The forge's own id of the repository that it speaks of; a ping may speak of none.
    pub repository: Option<String>,
    /// `owner/name` at that time.
    pub full_name: Option<String>,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The forge tries the hook.
    Ping,
    /// A branch or tag was made, moved or removed.
    Push {
        /// In full.
        git_ref: String,
        /// Zeros when it was made.
        before: String,
        /// Zeros when it was removed.
        after: String,
        /// Whom the forge authenticated.
        sender: Account,
    },
    /// Something about a pull request.
    Pull(PullNotice),
    /// Something that Circle does nothing about; what the forge calls it.
    Unknown(String),
}

/// Something about a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullNotice {
    /// What was done to it.
    pub action: PullAction,
    /// Within the repository.
    pub number: u64,
    /// Its newest commit.
    pub head: String,
    /// The commit that it was made against, when the call says so.
    pub base: Option<String>,
    /// The branch that it goes into.
    pub into: String,
    /// The repository that its branch lies in, by id; `None` when that is gone.
    pub from: Option<String>,
    /// Who opened it.
    pub author: Account,
    /// Who did this to it; `None` when the forge was only looked at.
    pub sender: Option<Account>,
    /// By name.
    pub labels: Vec<String>,
}

/// What was done to a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullAction {
    /// Opened, or opened again.
    Opened,
    /// Its branch has another commit.
    Synchronised,
    /// Closed or merged.
    Closed,
    /// A label came or went.
    Labelled,
    /// Anything else: a title, a reviewer, a milestone.
    Other,
}

/// Why a call cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is not what this forge sends: {0}")]
pub struct Unreadable(pub String);

/// Reads a call.
///
/// # Errors
/// [`Unreadable`] says what is missing. An event that is not known is no error.
pub fn read(kind: ForgeKind, headers: &HeaderMap, body: &[u8]) -> Result<Notice, Unreadable> {
    match kind {
        ForgeKind::Github => github::read(headers, body),
        ForgeKind::Gitea => gitea::read(headers, body),
        ForgeKind::Gitlab => gitlab::read(headers, body),
    }
}

/// A header as text, cut to what an event's name can be.
pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    const LONGEST: usize = 100;
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .filter(|text| text.len() <= LONGEST)
}
