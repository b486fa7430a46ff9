//! What an engine says, as sentences.

use bollard::errors::Error;
use circle_core::run::{Failure, FailureKind};

/// A failure of the platform: the engine did not do what it should always do.
pub(crate) fn engine_failure(what: &str, error: &Error) -> Failure {
    Failure::new(FailureKind::Infrastructure, format!("{what}: {}", sentence(error)))
}

/// The engine's own words, without the client's.
pub(crate) fn sentence(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        Error::RequestTimeoutError => "the engine did not answer in time".to_owned(),
        other => with_sources(other),
    }
}

/// An error and what caused it, one after the other.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
