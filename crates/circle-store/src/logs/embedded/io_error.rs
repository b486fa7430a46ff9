//! The system's errors in the port's words.

use std::io::{Error, ErrorKind};
use std::path::Path;

use crate::logs::LogError;

/// Says what a caller can do about it.
pub(super) fn log_error(path: &Path, error: &Error) -> LogError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => LogError::Full,
        _ => LogError::Unavailable {
            reason: format!("{}: {error}", path.display()),
        },
    }
}

/// For `map_err`.
pub(super) fn at(path: &Path) -> impl Fn(Error) -> LogError + '_ {
    move |error| log_error(path, &error)
}

/// What is in a file is not what was written.
pub(super) fn damaged(path: &Path, position: u64, what: &str) -> LogError {
    LogError::Corrupt {
        reason: format!("{} at byte {position}: {what}", path.display()),
    }
}
