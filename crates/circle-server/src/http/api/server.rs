//! The server about itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use circle_api::resources::ServerView;
use circle_api::routes;
use circle_api::worker::PROTOCOL_VERSION;

use crate::auth::Caller;
use crate::server::Server;

/// What a client may want to know before anything else.
#[utoipa::path(get, path = routes::SERVER, tag = "server", operation_id = "show_server", responses((status = 200, body = ServerView)))]
pub(in crate::http) async fn show(State(server): State<Arc<Server>>, _: Caller) -> Json<ServerView> {
    let (queued_runs, active_runs, connected_workers) = server.queue.figures();
    Json(ServerView {
        version: env!("CARGO_PKG_VERSION").into(),
        worker_protocol: PROTOCOL_VERSION,
        url: server.config.url.clone(),
        started_at: server.started_at,
        queued_runs,
        active_runs,
        connected_workers,
    })
}
