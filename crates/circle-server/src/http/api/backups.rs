//! A backup of the whole server.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use circle_api::routes;

use crate::auth::Instance;
use crate::backup::stream;
use crate::http::{ApiError, IDEMPOTENCY_KEY};
use crate::server::Server;

/// Everything that the server keeps but its master keys, as a tar that is made while it is sent. It is whole when its last entry
/// is `SHA256SUMS`.
#[utoipa::path(post, path = routes::BACKUP, tag = "server", operation_id = "make_backup", responses((status = 200, body = String, content_type = "application/x-tar")))]
pub(in crate::http) async fn make(
    State(server): State<Arc<Server>>,
    _: Instance,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if headers.contains_key(IDEMPOTENCY_KEY) {
        let message = "a backup is not kept to be answered again: leave the header Idempotency-Key away";
        return Err(ApiError::Invalid(message.into()));
    }
    let mut response = Body::from_stream(stream(server)?).into_response();
    for (name, value) in [
        (CONTENT_TYPE, "application/x-tar"),
        (CONTENT_DISPOSITION, "attachment; filename=\"circle-backup.tar\""),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}
