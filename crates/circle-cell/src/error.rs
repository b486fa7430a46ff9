//! What can go wrong with a cell, named for what a caller can do about it.

use std::io;
use std::path::PathBuf;

use crate::{CellId, RootName};

/// Why a cell could not be started, used or removed.
#[derive(Debug, thiserror::Error)]
pub enum CellError {
    /// The machine cannot carry cells at all: say so to the operator; trying again changes nothing.
    #[error("this machine cannot start cells: {0}")]
    Unable(String),
    /// Another living process owns the state folder.
    #[error("{} belongs to another running Circle worker (process {owner}): stop it, or give this one a folder of its own", folder.display())]
    Owned {
        /// The contested folder.
        folder: PathBuf,
        /// The process that holds it.
        owner: String,
    },
    /// One step of the start failed.
    #[error("cell {id}: {step}: {reason}")]
    Start {
        /// The cell that was to start.
        id: CellId,
        /// What was being done.
        step: &'static str,
        /// What happened, with the daemon's last words where there are any.
        reason: String,
    },
    /// The cell is dead: whatever ran in it is gone.
    #[error("cell {id} is dead: {reason}")]
    Dead {
        /// The dead cell.
        id: CellId,
        /// How it died.
        reason: String,
    },
    /// A request to a living cell was refused.
    #[error("cell {id}: {what}: {reason}")]
    Refused {
        /// The cell that was asked.
        id: CellId,
        /// What was asked.
        what: &'static str,
        /// Why it was refused.
        reason: String,
    },
    /// Something was left behind; a later sweep tries again.
    #[error("cell {id} could not be removed completely: {left}")]
    Left {
        /// The dead cell.
        id: CellId,
        /// What is still there, and why.
        left: String,
    },
    /// The root that was asked for is not kept.
    #[error("there is no root {0} on this machine")]
    NoRoot(RootName),
    /// The pool gives out no more cells.
    #[error("the pool of cells is closed")]
    PoolClosed,
    /// The caller stopped waiting.
    #[error("the wait for a cell was cancelled")]
    Cancelled,
    /// A file, folder or socket of the host failed.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// With what.
        path: PathBuf,
        /// How it failed.
        source: io::Error,
    },
}

impl CellError {
    /// Names the deed and the path of a failed system call; made for `map_err`.
    pub(crate) fn io(what: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { what, path, source }
    }
}
