//! The seam between claiming and executing.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use circle_api::client::ShellSocket;
use circle_api::resources::GoldenRootsPrune;
use circle_api::shell::ShellMessage;
use circle_api::worker::{Assignment, RootReport};
use circle_core::ids::RunId;
use circle_core::roots::RootAccess;
use circle_core::run::Failure;
use tokio_util::sync::CancellationToken;

use crate::Sink;

/// Executes the parts that a worker has claimed; several at a time, each with a sink of its own.
#[async_trait]
pub trait Executor: Send + Sync + Debug {
    /// Executes one part. Ends soon after `stop` is cancelled, with everything of the part dead.
    async fn execute(&self, assignment: Arc<Assignment>, sink: Arc<dyn Sink>, stop: CancellationToken) -> PartEnd;

    /// Somebody wants a shell in the held cell of a run.
    async fn shell(&self, _run: RunId, mut socket: ShellSocket) {
        let reason = "this worker holds no cells".to_owned();
        socket.say(&ShellMessage::Refused { reason }).await;
        socket.close().await;
    }

    /// The golden roots that are kept here; with a wish, those that were removed by it.
    async fn roots(&self, _remove: Option<&GoldenRootsPrune>) -> Vec<RootReport> {
        Vec::new()
    }

    /// A run that will wish for these roots is on its way.
    async fn expect(&self, _roots: &RootAccess) {}

    /// Nothing is left to tell of a part: what is left to do with its cell delays nobody. Only when `is_accepted` has the
    /// server taken its end as it was told; otherwise the lease was lost or the run was cancelled meanwhile, and nothing
    /// that it made may be kept.
    fn told(&self, _run: RunId, _fence: u64, _is_accepted: bool) {}

    /// The worker ends: kills what is left.
    async fn shutdown(&self) {}
}

/// How a part ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PartEnd {
    /// Every stage succeeded.
    Succeeded,
    /// A stage failed for good, or the cell did.
    Failed(Failure),
    /// It was stopped from outside.
    Stopped,
}
