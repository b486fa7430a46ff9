//! The host's side of a gate.

use std::path::{Path, PathBuf};

use crate::gate::{GateEvent, Orders};

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
        source: std::io::Error,
    },
    /// What came through the pipe was not written by a gate; nothing that follows can be believed.
    #[error("the gate's pipe carries what no gate writes: {0}")]
    Garbage(String),
    /// The orders do not fit.
    #[error("the stage's commands and environment are {bytes} bytes; at most {most} fit")]
    TooLarge {
        /// How large they are.
        bytes: usize,
        /// How large they may be.
        most: usize,
    },
    /// The gate ended before its last word: it was killed, or its container was.
    #[error("the gate ended without its last word")]
    Cut,
}

/// Writes the gate's program into the folder, which is then bound at [`super::PROGRAM_FOLDER`].
pub fn install(_folder: &Path) -> Result<(), GateError> {
    todo!()
}

/// The two pipes to one gate. Dropping it lets the gate's job run into a closed pipe.
#[derive(Debug)]
pub struct GateChannel {}

impl GateChannel {
    /// Makes the pipes in an existing empty folder of the host, which is then bound at [`super::CHANNEL_FOLDER`].
    /// They can be opened by any user of the container; never waits.
    pub fn create(_folder: &Path) -> Result<Self, GateError> {
        todo!()
    }

    /// Opens the gate: sends the orders. May be called before the container runs; a gate opens once.
    pub async fn open(&mut self, _orders: &Orders) -> Result<(), GateError> {
        todo!()
    }

    /// The next event; `None` after [`GateEvent::Closed`]. Waits as long as the container has not started: race it
    /// with the container's end, and call [`GateChannel::container_ended`] when that wins. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<GateEvent, GateError>> {
        todo!()
    }

    /// Tells the channel that nobody will open the pipes any more: what is still in them is read, then `next` ends
    /// with [`GateError::Cut`] unless the gate had said its last word.
    pub fn container_ended(&mut self) {
        todo!()
    }
}
