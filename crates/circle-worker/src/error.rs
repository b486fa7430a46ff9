//! Why a worker cannot work.

use std::path::PathBuf;

use circle_cell::CellError;

/// Why a worker ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A setting is wrong.
    #[error("the worker's configuration is wrong: {0}")]
    Configuration(String),
    /// The worker's folder cannot be used.
    #[error("the worker cannot use {}", path.display())]
    Folder {
        /// What could not be read or written.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has no token, and nothing to get one for.
    #[error("the worker has no token yet and no enrolment token: make one on the server, write it to a file, and name that file{}", at(path.as_ref()))]
    NotEnrolled {
        /// Where the enrolment token was looked for.
        path: Option<PathBuf>,
    },
    /// The server does not want this worker.
    #[error("{0}")]
    Refused(String),
    /// The machine cannot carry cells.
    #[error(transparent)]
    Cell(#[from] CellError),
}

fn at(path: Option<&PathBuf>) -> String {
    path.map(|path| format!(" (looked in {})", path.display()))
        .unwrap_or_default()
}
