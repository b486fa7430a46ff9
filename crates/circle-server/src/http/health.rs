//! Whether the server lives, and whether it can work. For machines that watch it; says nothing about anybody's data.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use circle_store::records::{Kind, Query};

use crate::server::Server;

/// The process answers.
pub(super) async fn live() -> &'static str {
    "ok\n"
}

/// The store answers too, and the server is not going down.
pub(super) async fn ready(State(server): State<Arc<Server>>) -> (StatusCode, &'static str) {
    let read = server.records.find(Query::all(Kind::Workspace).limit(1)).await;
    if read.is_ok() && !server.shutdown.is_cancelled() {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}
