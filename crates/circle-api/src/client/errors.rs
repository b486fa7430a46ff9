//! What can go wrong with a call.

use crate::resources::{Problem, ProblemEntry};

/// Why a call has no answer, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Nobody answers there.
    #[error("the server at {endpoint} does not answer: {reason}")]
    Unreachable { endpoint: String, reason: String },
    /// The server says no; see [`ApiError::status`].
    #[error("{}", problem_sentence(.0))]
    Problem(Box<Problem>),
    /// What answers is no Circle server, or another version of one.
    #[error("the answer of {endpoint} is not understood: {reason}")]
    NotUnderstood { endpoint: String, reason: String },
    /// An answer larger than its bound.
    #[error("the answer of {endpoint} is larger than {limit_bytes} bytes")]
    TooLong { endpoint: String, limit_bytes: usize },
    /// The client could not be made from what it was given.
    #[error("the client cannot be set up: {reason}")]
    Setup { reason: String },
}

impl ApiError {
    /// The HTTP status of a [`Problem`].
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Problem(problem) => Some(problem.status),
            _ => None,
        }
    }

    /// Whether the thing asked for is not there.
    pub fn is_not_found(&self) -> bool {
        self.status() == Some(404)
    }

    /// Whether the server may answer if asked again later.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. }) || matches!(self.status(), Some(502..=504))
    }
}

fn problem_sentence(problem: &Problem) -> String {
    let detail = if problem.detail.is_empty() {
        &problem.title
    } else {
        &problem.detail
    };
    // The detail of a short problem tells its faults already.
    let news = problem.errors.iter().filter(|entry| !detail.contains(&entry.message));
    let entries: Vec<String> = news.map(entry_sentence).collect();
    if entries.is_empty() {
        detail.clone()
    } else {
        format!("{}: {}", detail.trim_end_matches('.'), entries.join("; "))
    }
}

fn entry_sentence(entry: &ProblemEntry) -> String {
    match &entry.field {
        Some(field) => format!("{field}: {}", entry.message),
        None => entry.message.clone(),
    }
}
