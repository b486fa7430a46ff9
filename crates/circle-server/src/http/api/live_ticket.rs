//! Tickets for the live WebSocket, since a browser cannot send a token when it opens one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::LiveTicket;
use circle_api::routes;

use crate::auth::{Found, Viewer};
use crate::http::ApiError;
use crate::limits::LIVE_TICKET_TIME;
use crate::records::RunRecord;
use crate::server::Server;

/// A ticket that opens the live WebSocket of this run once.
#[utoipa::path(post, path = routes::LIVE_TICKET, tag = "runs", operation_id = "live_ticket", params(("run" = String, Path)), responses((status = 201, body = LiveTicket)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    found: Found<RunRecord, Viewer>,
) -> Result<(StatusCode, Json<LiveTicket>), ApiError> {
    let ticket = server.live_tickets.issue(found.document.0.id, found.caller)?;
    Ok((
        StatusCode::CREATED,
        Json(LiveTicket {
            ticket,
            expires_in_s: LIVE_TICKET_TIME.as_secs(),
        }),
    ))
}
