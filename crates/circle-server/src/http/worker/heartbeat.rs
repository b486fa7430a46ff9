//! A worker lives: only the lease is touched.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use circle_api::worker::{Heartbeat, HeartbeatAnswer};
use circle_store::leases::Fence;

use crate::auth::RunLease;
use crate::http::{ApiError, Body};
use crate::runs::lease_name;
use crate::server::Server;
use crate::time::now_ms;

/// Extends the lease and repeats a cancel.
pub(super) async fn heartbeat(
    State(server): State<Arc<Server>>,
    lease: RunLease,
    Body(Heartbeat {}): Body<Heartbeat>,
) -> Result<Json<HeartbeatAnswer>, ApiError> {
    let ttl_ms = i64::try_from(server.config.lease_ms).unwrap_or(i64::MAX);
    let name = lease_name(lease.run.id, lease.part);
    server.leases.renew(&name, Fence(lease.fence), ttl_ms, now_ms()).await?;
    let cancel = lease.run.cancel.as_ref().map(|cancel| cancel.cause);
    Ok(Json(HeartbeatAnswer {
        lease_ms: server.config.lease_ms,
        cancel,
    }))
}
