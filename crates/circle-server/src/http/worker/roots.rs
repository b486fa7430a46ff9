//! A worker tells of its golden roots.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use circle_api::worker::RootsAnswer;
use circle_core::ids::QuestionId;

use crate::auth::WorkerIdentity;
use crate::http::{ApiError, Body, Segments};
use crate::limits::MAX_ROOTS_TOLD;
use crate::server::Server;

/// Only the worker that was asked has an answer, and once.
pub(super) async fn roots(
    State(server): State<Arc<Server>>,
    worker: WorkerIdentity,
    Segments(question): Segments<QuestionId>,
    Body(mut answer): Body<RootsAnswer>,
) -> Result<StatusCode, ApiError> {
    answer.roots.truncate(MAX_ROOTS_TOLD);
    if server.questions.answer(question, worker.id, answer.roots) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::not_found("question", question))
    }
}
