//! The port through which an execution tells what happens: to a server, to a terminal.

use std::fmt::Debug;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use circle_api::worker::frames::Mark;
use circle_core::run::{StoredOutput, WorkerEvent};

/// Takes what an execution says.
///
/// Promises to the execution: what is told of one stage keeps its order; a call returns when the sink has taken
/// responsibility, not when it is delivered; a sink that is full makes the caller wait, and so the job. Everything that
/// comes here is masked already.
#[async_trait]
pub trait Sink: Send + Sync + Debug {
    /// Something happened to the run.
    async fn event(&self, event: WorkerEvent);

    /// Bytes of a stage's log.
    async fn output(&self, stage: &str, bytes: Bytes);

    /// A place in a stage's log, behind the bytes that were given before.
    async fn mark(&self, stage: &str, mark: Mark);

    /// Keeps the outputs of a stage, a tar on this machine, for reruns.
    async fn store(&self, stage: &str, tar: &Path) -> Result<StoredOutput, SinkError>;

    /// Writes the kept outputs of a stage to a file of this machine.
    async fn fetch(&self, stage: &str, tar: &Path) -> Result<(), SinkError>;
}

/// Why outputs could not be kept or had.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The other side refused, in its own words.
    #[error("{0}")]
    Refused(String),
    /// It could not be reached for as long as it was tried.
    #[error("the server could not be reached: {0}")]
    Unreachable(String),
    /// The file on this machine failed.
    #[error("the outputs' file on the worker failed: {0}")]
    Io(#[from] std::io::Error),
}
