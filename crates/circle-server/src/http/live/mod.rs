//! The live WebSocket of a run, as `circle_api::live` describes it.

mod connection;
mod cursor;
mod send;

use std::sync::Arc;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use circle_api::live::MAX_CLIENT_MESSAGE_BYTES;
use circle_core::ids::RunId;

use super::{ApiError, Segments};
use crate::auth::Administrator;
use crate::server::Server;

/// Upgrades to the live messages of a run. A bounded number at a time: each costs a slice of log.
pub(super) async fn live(
    State(server): State<Arc<Server>>,
    _: Administrator,
    Segments(id): Segments<RunId>,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    server.run(id).await?.ok_or_else(|| ApiError::not_found("run", id))?;
    let upgrade = upgrade.map_err(|_| ApiError::Invalid("this address is a WebSocket: connect with one".into()))?;
    let place = Arc::clone(&server.live).try_acquire_owned();
    let place = place.map_err(|_| ApiError::Busy("too many live connections: close some, or read the log".into()))?;
    let upgrade = upgrade
        .max_message_size(MAX_CLIENT_MESSAGE_BYTES)
        .max_frame_size(MAX_CLIENT_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        connection::serve(server, id, socket).await;
        drop(place);
    }))
}
