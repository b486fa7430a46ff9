//! The logs as they lie on the disk, for a backup that is made while others go on.

use std::path::{Path, PathBuf};

use tokio::sync::OwnedSemaphorePermit;

use super::layout::{CLOSED_FILE, MARKS_FILE, log_file, packed_file};
use super::logs::EmbeddedLogs;
use super::state::RunState;
use crate::logs::LogError;

/// While it lives nothing is compressed and nothing is moved; streams grow, and runs that are closed wait.
#[derive(Debug)]
pub struct StillLogs {
    logs: EmbeddedLogs,
    _turn: OwnedSemaphorePermit,
}

/// A file of a run, and how much of it counts: what lies behind was not acknowledged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFile {
    /// Its place beneath the folder of the logs.
    pub name: PathBuf,
    /// Where it lies.
    pub path: PathBuf,
    /// Bytes from its beginning.
    pub bytes: u64,
}

impl StillLogs {
    pub(super) fn new(logs: EmbeddedLogs, turn: OwnedSemaphorePermit) -> Self {
        Self { logs, _turn: turn }
    }

    /// The files of a run, none when nothing is there. Put beneath another folder by their names they are the run's log;
    /// indexes are left out, for they are built again.
    ///
    /// A log that was closed meanwhile is open in the copy unless the run had `ended`: whoever goes on from there appends.
    pub async fn files(&self, run: &str, ended: bool) -> Result<Vec<LogFile>, LogError> {
        let list = move |folder: &Path, state: &RunState| files(folder, state, ended);
        self.logs.with_files(run, list).await
    }
}

fn files(root: &Path, state: &RunState, ended: bool) -> Vec<LogFile> {
    let mut found: Vec<(PathBuf, u64)> = Vec::with_capacity(state.streams.len() + 2);
    for stream in &state.streams {
        found.push(if stream.packed {
            let path = packed_file(&state.folder, stream.number);
            let bytes = path.metadata().map_or(0, |metadata| metadata.len());
            (path, bytes)
        } else {
            (log_file(&state.folder, stream.number), stream.end)
        });
    }
    if state.marks_end > 0 {
        found.push((state.folder.join(MARKS_FILE), state.marks_end));
    }
    let closed = state.folder.join(CLOSED_FILE);
    if ended && closed.exists() {
        found.push((closed, 0));
    }
    let named = found.into_iter().filter_map(|(path, bytes)| {
        let name = path.strip_prefix(root).ok()?.to_owned();
        Some(LogFile { name, path, bytes })
    });
    named.collect()
}
