//! Why a gate could not be used.

use std::io;
use std::path::PathBuf;

/// Why a gate could not be used.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// A file of the channel failed.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// With which file.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
    /// What came through the pipe was not written by a gate; nothing that follows can be believed.
    #[error("the gate's pipe carries what no gate writes: {0}")]
    Garbage(String),
    /// The orders do not fit.
    #[error("the stage's commands and environment are {bytes} bytes; at most {most} fit")]
    TooLarge {
        /// How large they are, as far as they were counted.
        bytes: usize,
        /// How large they may be.
        most: usize,
    },
    /// A zero byte can be neither in a command nor in a variable.
    #[error("a command or a variable of the stage holds a zero byte, which no shell can take")]
    Nul,
    /// The gate was opened already.
    #[error("the gate has its orders already")]
    Opened,
    /// The gate ended before its last word: it was killed, or its container was.
    #[error("the gate ended without its last word")]
    Cut,
}

impl GateError {
    pub(super) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
