//! One run of a worker: claimed, executed, told.

use std::sync::Arc;
use std::time::Duration;

use circle_api::worker::{Assignment, SecretValue};
use circle_core::ids::RunId;
use circle_core::run::WorkerEvent;
use tokio::sync::OwnedSemaphorePermit;

use super::active::Active;
use super::executor::{Executor, PartEnd};
use crate::server::{CallError, Connection, Pause, RemoteSink, RunCalls, Stopper, claim};

/// How often a claim is sent when the server does not answer; afterwards the offer has gone to somebody else.
const CLAIM_TRIES: u32 = 3;

/// What every run of a worker shares.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    pub(super) connection: Connection,
    pub(super) token: SecretValue,
    pub(super) executor: Arc<dyn Executor>,
    pub(super) active: Active,
}

/// Answers an offer; when the run is ours, executes it and tells its end.
pub(super) async fn take(ground: Ground, run: RunId, part: usize, place: OwnedSemaphorePermit) {
    let mut pause = Pause::default();
    let assignment = loop {
        match claim(&ground.connection, &ground.token, run, part).await {
            Ok(assignment) => break assignment,
            Err(CallError::Gone(_)) => return tracing::debug!(%run, "somebody else has the run"),
            Err(CallError::Later(why)) if pause.failures() < CLAIM_TRIES => {
                tracing::warn!(%run, why, "a claim was not answered");
                pause.wait().await;
            }
            Err(error) => return tracing::warn!(%run, %error, "an offer could not be claimed"),
        }
    };
    execute(ground, Arc::new(assignment), place).await;
}

async fn execute(ground: Ground, assignment: Arc<Assignment>, place: OwnedSemaphorePermit) {
    let stopper = Stopper::default();
    let _registered = ground
        .active
        .register(assignment.run, assignment.fence, stopper.clone());
    let calls = RunCalls::new(ground.connection.clone(), &assignment);
    let sink = Arc::new(RemoteSink::start(
        calls,
        stopper.clone(),
        Duration::from_millis(assignment.lease_ms),
    ));
    tracing::info!(run = %assignment.run, attempt = assignment.attempt, "executing");
    let end = ground
        .executor
        .execute(assignment.clone(), sink.clone(), stopper.token().clone())
        .await;
    // Only telling is left; the next run may come.
    drop(place);
    tracing::info!(run = %assignment.run, ?end, "executed");
    let last = match end {
        _ if stopper.is_stale() => return ground.executor.told(assignment.run, assignment.fence, false),
        PartEnd::Succeeded => WorkerEvent::PartSucceeded,
        PartEnd::Failed(failure) => WorkerEvent::PartFailed { failure },
        PartEnd::Stopped => WorkerEvent::PartCancelled,
    };
    let is_accepted = sink.finish(last).await;
    ground.executor.told(assignment.run, assignment.fence, is_accepted);
}
