//! A worker takes an offer: lease, compare-and-swap, assignment.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use circle_api::worker::{Assignment, Claim};
use circle_core::ids::RunId;
use circle_core::run::{PartState, Run, RunEvent, RunState};
use circle_store::leases::{Acquire, Lease};
use circle_store::records::Version;

use super::access::Access;
use super::assignment::assemble;
use super::permission;
use crate::auth::{Minted, WorkerIdentity, mint};
use crate::http::{ApiError, Body, Segments};
use crate::runs::lease_name;
use crate::server::Server;
use crate::time::now_ms;

/// What a run's token begins with.
const RUN_TOKEN_PREFIX: &str = "circle_run_";

/// Gives the part to the first who asks; everybody else gets 409.
pub(super) async fn claim(
    State(server): State<Arc<Server>>,
    worker: WorkerIdentity,
    Segments(id): Segments<RunId>,
    Body(claim): Body<Claim>,
) -> Result<Json<Assignment>, ApiError> {
    if !server.queue.may_claim(id) {
        return Err(ApiError::Conflict("the run is not to be had now".into()));
    }
    let found = server.run(id).await?;
    // A run that this worker may not have is not there for it.
    let (run, version) = found
        .filter(|(run, _)| worker.takes(run))
        .ok_or_else(|| ApiError::not_found("run", id))?;
    check_waiting(&server, &run, version, claim.part)?;
    permission::check(&server, &run).await?;
    let (access, lease) = gather(&server, &worker, (&run, claim.part)).await?;
    let token = mint(RUN_TOKEN_PREFIX);
    let run = take(&server, (run, version), (claim.part, &worker), &lease, &token).await?;
    server.metrics.claimed(now_ms() - run.created_at.as_millisecond());
    tracing::info!(run = %id, worker = %worker.id, fence = lease.fence.0, "a run was claimed");
    let mut assignment = assemble(&server, run, claim.part, (lease.fence.0, token.value), access);
    // Where a worker goes with its run, no cell is held for a shell.
    assignment.hold &= worker.record.posting.is_none();
    Ok(Json(assignment))
}

fn check_waiting(server: &Server, run: &Run, version: Version, part: usize) -> Result<(), ApiError> {
    let queued = matches!(run.state, RunState::Queued { .. } | RunState::Running { .. });
    let waiting = run.parts.get(part).is_some_and(|part| part.state == PartState::Waiting);
    if queued && waiting && run.cancel.is_none() {
        return Ok(());
    }
    // The view offered what the store knows better.
    server.queue.observe(run, version, now_ms());
    Err(ApiError::Conflict("another worker has the run, or it has ended".into()))
}

/// Whatever can fail is done before the part is taken, so that no claim is left without its assignment; the lease is
/// written down meanwhile.
async fn gather(
    server: &Server,
    worker: &WorkerIdentity,
    (run, part): (&Run, usize),
) -> Result<(Access, Lease), ApiError> {
    let (lease, access) = tokio::join!(acquire(server, worker, run.id, part), Access::of(server, run));
    match (access, lease) {
        (Ok(access), Ok(lease)) => Ok((access, lease)),
        (Err(error), Ok(lease)) => {
            let _ = server.leases.release(&lease.name, lease.fence).await;
            Err(error)
        }
        (_, Err(error)) => Err(error),
    }
}

async fn acquire(server: &Server, worker: &WorkerIdentity, run: RunId, part: usize) -> Result<Lease, ApiError> {
    let ttl_ms = i64::try_from(server.config.lease_ms).unwrap_or(i64::MAX);
    let wish = Acquire {
        name: lease_name(run, part),
        holder: worker.id.to_string(),
        ttl_ms,
    };
    Ok(server.leases.acquire(wish, now_ms()).await?)
}

async fn take(
    server: &Server,
    known: (Run, Version),
    (part, worker): (usize, &WorkerIdentity),
    lease: &Lease,
    token: &Minted,
) -> Result<Run, ApiError> {
    let event = RunEvent::Claimed {
        part,
        worker: worker.id,
        fence: lease.fence.0,
        token_hash: token.hash.clone(),
    };
    match server.apply_known(known, vec![event]).await {
        Ok((run, _)) => Ok(run),
        Err(error) => {
            let _ = server.leases.release(&lease.name, lease.fence).await;
            match ApiError::from(error) {
                ApiError::LeaseGone => Err(ApiError::Conflict("the run has ended".into())),
                other => Err(other),
            }
        }
    }
}
