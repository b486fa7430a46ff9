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
    // The detail of a lone fault is its message, which says "it" of a field that it does not name.
    if let [entry] = problem.errors.as_slice()
        && entry.message == *detail
        && entry.field.as_deref().is_some_and(|field| !names(detail, field))
    {
        return entry_sentence(entry);
    }
    // The detail of a short problem tells its faults already.
    let news = problem.errors.iter().filter(|entry| !detail.contains(&entry.message));
    let entries: Vec<String> = news.map(entry_sentence).collect();
    if entries.is_empty() {
        detail.clone()
    } else {
        format!("{}: {}", detail.trim_end_matches('.'), entries.join("; "))
    }
}

/// Whether a sentence has the last part of a field's name. Inputs have names of people's own, which no message says.
fn names(sentence: &str, field: &str) -> bool {
    !field.starts_with("inputs.") && sentence.contains(field.rsplit('.').next().unwrap_or(field))
}

fn entry_sentence(entry: &ProblemEntry) -> String {
    match &entry.field {
        Some(field) => format!("{field}: {}", entry.message),
        None => entry.message.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Problem, ProblemEntry, problem_sentence};

    fn sentence(detail: &str, errors: &[(&str, &str)]) -> String {
        let entry = |(field, message): &(&str, &str)| ProblemEntry {
            field: Some((*field).to_owned()),
            message: (*message).to_owned(),
        };
        problem_sentence(&Problem {
            kind: "circle:invalid".to_owned(),
            title: "the request is refused".to_owned(),
            status: 422,
            detail: detail.to_owned(),
            instance: None,
            errors: errors.iter().map(entry).collect(),
        })
    }

    #[test]
    fn a_lone_fault_is_told_with_its_field_unless_it_names_it() {
        let it = "it takes one of: qa, live";
        assert_eq!(
            sentence(it, &[("inputs.place", it)]),
            "inputs.place: it takes one of: qa, live"
        );
        let none = "there is no registry far";
        assert_eq!(sentence(none, &[("image.registry", none)]), none);
        assert_eq!(sentence("", &[]), "the request is refused");
    }

    #[test]
    fn several_faults_are_told_behind_what_is_said_of_all() {
        let two = [("a", "it is small"), ("b", "it is large")];
        assert_eq!(sentence("2 faults.", &two), "2 faults: a: it is small; b: it is large");
    }
}
