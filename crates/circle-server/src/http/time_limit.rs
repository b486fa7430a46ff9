//! No request of a person waits for ever.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::ApiError;
use crate::limits::REQUEST_TIME;

/// Ends a request whose answer has not begun in time. What streams afterwards is not counted.
pub(super) async fn time_limit(request: Request, next: Next) -> Response {
    let answer = tokio::time::timeout(REQUEST_TIME, next.run(request)).await;
    answer.unwrap_or_else(|_| ApiError::Unavailable("a request took too long".into()).into_response())
}
