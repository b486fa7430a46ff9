//! What an engine says, as sentences.

use bollard::errors::Error;
use circle_core::run::{Failure, FailureKind};

/// A failure of the platform: the engine did not do what it should always do.
pub(crate) fn engine_failure(what: &str, error: &Error) -> Failure {
    Failure::new(FailureKind::Infrastructure, format!("{what}: {}", sentence(error)))
}

/// A container that did not start: by the platform's fault, unless it asked for rights that this machine does not have.
pub(crate) fn start_failure(what: &str, error: &Error) -> Failure {
    let said = sentence(error);
    if said.contains(NO_CAPABILITIES) {
        let message = format!("{what}: {MISSING_RIGHTS}");
        return Failure::new(FailureKind::Refused, message);
    }
    Failure::new(FailureKind::Infrastructure, format!("{what}: {said}"))
}

/// What runc says when it cannot give what it was told to.
const NO_CAPABILITIES: &str = "unable to apply caps";
/// The same for people.
const MISSING_RIGHTS: &str = "the worker's machine lacks a capability itself, mostly CAP_SYS_RESOURCE, so no container there can be `privileged` or have it (`circle doctor` says so); `cap_add: [ALL]` with `cap_drop: [SYS_RESOURCE]` and `security_opt: [seccomp=unconfined, systempaths=unconfined]` gives all the rest, where the workspace's policy allows it";

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

#[cfg(test)]
mod tests {
    use bollard::errors::Error;
    use circle_core::run::FailureKind;

    use super::start_failure;

    fn said(message: &str) -> Error {
        Error::DockerResponseServerError {
            status_code: 500,
            message: message.to_owned(),
        }
    }

    #[test]
    fn sec_30_a_right_that_the_machine_lacks_is_named_and_not_tried_again() {
        let error = said(
            "OCI runtime create failed: container_linux.go:367: starting container process caused: unable to apply caps: operation not permitted: unknown",
        );
        let failure = start_failure("the job's container could not be started", &error);
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(!failure.is_infrastructure());
        assert!(failure.message.contains("CAP_SYS_RESOURCE"), "{}", failure.message);
        let other = start_failure("x", &said("no space left on device"));
        assert_eq!(other.message, "x: no space left on device");
        assert!(other.is_infrastructure());
    }
}
