//! The server's figures, for Prometheus and what speaks like it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use circle_api::routes;

use super::ApiError;
use crate::auth::Instance;
use crate::metrics;
use crate::server::Server;

/// OpenMetrics text. How many runs wait is nobody's but the operator's: it wants an administrator's token.
#[utoipa::path(get, path = routes::METRICS, tag = "server", operation_id = "metrics", responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
pub(super) async fn metrics(State(server): State<Arc<Server>>, _: Instance) -> Result<Response, ApiError> {
    let text = server.metrics.text(&server.queue, server.net.counters());
    let text = text.map_err(|error| ApiError::Internal(error.to_string()))?;
    Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response())
}

/// Counts every answer under the route as it is written.
pub(super) async fn count(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let answer = next.run(request).await;
    let route = route.as_ref().map(MatchedPath::as_str);
    server
        .metrics
        .answered(&method, route, answer.status(), began.elapsed());
    answer
}
