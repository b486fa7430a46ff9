//! Who may follow a run, and the upgrade of the connection.

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use circle_api::live::MAX_CLIENT_MESSAGE_BYTES;
use circle_core::ids::RunId;

use super::connection;
use crate::auth::{Found, Viewer, is_own_origin};
use crate::http::{ApiError, Params, Segments};
use crate::records::RunRecord;
use crate::server::Server;

/// What a browser gives instead of a token.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Presented {
    #[serde(default)]
    ticket: Option<String>,
}

/// Somebody who may follow the run of the address: with a token, or with a ticket from a page of this server.
#[derive(Debug)]
pub(in crate::http) struct Follower(Found<RunRecord, Viewer>);

impl FromRequestParts<Arc<Server>> for Follower {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        let Params(Presented { ticket }) = Params::from_request_parts(parts, server).await?;
        let Some(ticket) = ticket else {
            return Ok(Self(Found::from_request_parts(parts, server).await?));
        };
        let Segments(run) = Segments::<RunId>::from_request_parts(parts, server).await?;
        if !is_own_origin(&parts.headers, &server.config.url) {
            return Err(ApiError::BadCredential);
        }
        let caller = server.live_tickets.redeem(&ticket, run)?;
        // Rights are looked at again: they may have gone since the ticket was issued.
        let caller = caller.again(server).await?.ok_or(ApiError::BadCredential)?;
        Ok(Self(caller.find(server, &run.to_string()).await?))
    }
}

/// Upgrades to the live messages of a run. A bounded number at a time: each costs a slice of log.
pub(in crate::http) async fn live(
    State(server): State<Arc<Server>>,
    Follower(found): Follower,
    upgrade: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|_| ApiError::Invalid("this address is a WebSocket: connect with one".into()))?;
    let place = Arc::clone(&server.live).try_acquire_owned();
    let place = place.map_err(|_| ApiError::Busy("too many live connections: close some, or read the log".into()))?;
    let upgrade = upgrade
        .max_message_size(MAX_CLIENT_MESSAGE_BYTES)
        .max_frame_size(MAX_CLIENT_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        connection::serve(server, found, socket).await;
        drop(place);
    }))
}
