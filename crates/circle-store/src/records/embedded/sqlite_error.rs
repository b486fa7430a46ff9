//! SQLite's errors in the port's words.

use rusqlite::{Error, ErrorCode};

use crate::records::StoreError;

/// Says what a caller can do about it.
pub(crate) fn store_error(error: &Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full,
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => StoreError::Corrupt {
            reason: error.to_string(),
        },
        _ => StoreError::Unavailable {
            reason: error.to_string(),
        },
    }
}

/// For `map_err`.
pub(crate) fn sql(error: Error) -> StoreError {
    store_error(&error)
}

/// A stored text that is no JSON.
pub(crate) fn bad_json(what: &str, id: &str, error: &serde_json::Error) -> StoreError {
    StoreError::Corrupt {
        reason: format!("the {what} of {id} is no JSON: {error}"),
    }
}
