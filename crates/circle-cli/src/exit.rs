//! How the program ends: every exit code in one table, which the help and the reference print.

use circle_api::client::ApiError;
use circle_api::resources::RunState;

/// What the process tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Ok,
    Failed,
    Usage,
    NotFound,
    Refused,
    Unreachable,
    Conflict,
    Broken,
    Cancelled,
}

/// Every code with its meaning, in order.
pub(crate) const TABLE: [(Exit, &str); 9] = [
    (Exit::Ok, "done; a followed run succeeded or was skipped"),
    (
        Exit::Failed,
        "a followed run failed, `lint` found errors, `doctor` misses something needed",
    ),
    (
        Exit::Usage,
        "the command line, the configuration or an input file is wrong",
    ),
    (Exit::NotFound, "the server knows no such thing"),
    (Exit::Refused, "the token is missing, wrong, or may not do this"),
    (Exit::Unreachable, "the server does not answer"),
    (
        Exit::Conflict,
        "the server refuses the request as things stand: a name is taken, the run has ended",
    ),
    (Exit::Broken, "anything else: a file, the disk, a fault of Circle"),
    (Exit::Cancelled, "a followed run was cancelled, or Ctrl-C"),
];

/// An error with the code that it ends the process with.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    sentence: String,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::Refused => 4,
            Self::Unreachable => 5,
            Self::Conflict => 6,
            Self::Broken => 7,
            Self::Cancelled => 130,
        }
    }

    /// What a followed run's end means for the caller; `None` while it goes on.
    pub(crate) fn of_run(state: RunState) -> Option<Self> {
        match state {
            RunState::Succeeded | RunState::Skipped => Some(Self::Ok),
            RunState::Failed => Some(Self::Failed),
            RunState::Cancelled => Some(Self::Cancelled),
            RunState::Queued | RunState::Running | RunState::Deploying => None,
        }
    }

    /// What an error means for the caller.
    pub(crate) fn of_error(error: &anyhow::Error) -> Self {
        if let Some(failure) = error.downcast_ref::<Failure>() {
            return failure.exit;
        }
        match error.downcast_ref::<ApiError>() {
            Some(ApiError::Unreachable { .. }) => Self::Unreachable,
            Some(ApiError::Setup { .. }) => Self::Usage,
            Some(ApiError::Problem(problem)) => Self::of_status(problem.status),
            Some(ApiError::NotUnderstood { .. } | ApiError::TooLong { .. }) | None => Self::Broken,
        }
    }

    fn of_status(status: u16) -> Self {
        match status {
            400 | 413 | 422 => Self::Usage,
            401 | 403 => Self::Refused,
            404 => Self::NotFound,
            409 | 412 | 429 => Self::Conflict,
            502..=504 => Self::Unreachable,
            _ => Self::Broken,
        }
    }
}

impl Failure {
    /// Something in the command line or a file is wrong.
    pub(crate) fn usage(sentence: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            sentence: sentence.into(),
        }
    }

    /// Something asked for is not there.
    pub(crate) fn not_found(sentence: impl Into<String>) -> Self {
        Self {
            exit: Exit::NotFound,
            sentence: sentence.into(),
        }
    }

    /// This machine or this user cannot do it.
    pub(crate) fn broken(sentence: impl Into<String>) -> Self {
        Self {
            exit: Exit::Broken,
            sentence: sentence.into(),
        }
    }

    /// Not as things stand.
    pub(crate) fn conflict(sentence: impl Into<String>) -> Self {
        Self {
            exit: Exit::Conflict,
            sentence: sentence.into(),
        }
    }

    /// Somebody may not do it.
    pub(crate) fn refused(sentence: impl Into<String>) -> Self {
        Self {
            exit: Exit::Refused,
            sentence: sentence.into(),
        }
    }
}

/// What to do about an error that does not say so itself.
pub(crate) fn advice(error: &anyhow::Error) -> Option<&'static str> {
    match error.downcast_ref::<ApiError>()? {
        ApiError::Unreachable { .. } => Some("start Circle here with `circle up`, or name a server with --server"),
        ApiError::Problem(problem) if problem.status == 401 => Some("give a token: CIRCLE_TOKEN or --token-file"),
        _ => None,
    }
}

/// The table for `--help`.
pub(crate) fn help() -> String {
    let lines = TABLE
        .iter()
        .map(|(exit, meaning)| format!("  {:>3}  {meaning}", exit.code()));
    format!("Exit codes:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{Exit, Failure, TABLE};
    use circle_api::client::ApiError;
    use circle_api::resources::{Problem, RunState};

    fn problem(status: u16) -> anyhow::Error {
        let problem = Problem {
            kind: "circle:x".into(),
            title: "X".into(),
            status,
            detail: "No.".into(),
            instance: None,
            errors: Vec::new(),
        };
        ApiError::Problem(Box::new(problem)).into()
    }

    #[test]
    fn every_code_is_in_the_table_once_and_in_order() {
        let codes: Vec<u8> = TABLE.iter().map(|(exit, _)| exit.code()).collect();
        assert_eq!(codes, [0, 1, 2, 3, 4, 5, 6, 7, 130]);
    }

    #[test]
    fn answers_of_the_server_become_codes() {
        let pairs = [(401, 4), (403, 4), (404, 3), (409, 6), (422, 2), (500, 7), (503, 5)];
        for (status, code) in pairs {
            assert_eq!(Exit::of_error(&problem(status)).code(), code, "status {status}");
        }
    }

    #[test]
    fn a_context_around_an_error_does_not_hide_its_code() {
        assert_eq!(Exit::of_error(&problem(404).context("while looking")), Exit::NotFound);
        let failure = anyhow::Error::from(Failure::usage("no")).context("while reading");
        assert_eq!(Exit::of_error(&failure), Exit::Usage);
    }

    #[test]
    fn a_run_gives_its_verdict_to_the_caller() {
        assert_eq!(Exit::of_run(RunState::Failed).map(Exit::code), Some(1));
        assert_eq!(Exit::of_run(RunState::Cancelled).map(Exit::code), Some(130));
        assert_eq!(Exit::of_run(RunState::Succeeded).map(Exit::code), Some(0));
        assert_eq!(Exit::of_run(RunState::Deploying), None);
    }
}
