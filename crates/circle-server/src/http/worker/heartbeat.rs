//! A worker lives: only the lease is touched.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use circle_api::worker::{Heartbeat, HeartbeatAnswer};
use circle_store::leases::Fence;

use crate::auth::RunLease;
use crate::http::{ApiError, Body};
use crate::records::WorkerRecord;
use crate::runs::lease_name;
use crate::server::Server;
use crate::time::now_ms;

/// Extends the lease and repeats a cancel.
pub(super) async fn heartbeat(
    State(server): State<Arc<Server>>,
    lease: RunLease,
    Body(Heartbeat {}): Body<Heartbeat>,
) -> Result<Json<HeartbeatAnswer>, ApiError> {
    still_served(&server, &lease).await?;
    let ttl_ms = i64::try_from(server.config.lease_ms).unwrap_or(i64::MAX);
    let name = lease_name(lease.run.id, lease.part);
    server.leases.renew(&name, Fence(lease.fence), ttl_ms, now_ms()).await?;
    let cancel = lease.run.cancel.as_ref().map(|cancel| cancel.cause);
    Ok(Json(HeartbeatAnswer {
        lease_ms: server.config.lease_ms,
        cancel,
    }))
}

/// A worker that was given to another workspace meanwhile, or is gone, keeps no run.
async fn still_served(server: &Server, lease: &RunLease) -> Result<(), ApiError> {
    let holder = server.records.load::<WorkerRecord>(&lease.worker.to_string()).await?;
    let takes = |worker: &WorkerRecord| worker.serves().takes(lease.run.workspace, lease.run.trigger.trust);
    match holder {
        Some((worker, _)) if takes(&worker) => Ok(()),
        _ => Err(ApiError::LeaseGone),
    }
}
