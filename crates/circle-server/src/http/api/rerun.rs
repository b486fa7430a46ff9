//! Repeating an ended run.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{RerunRequest, RunSummary};
use circle_api::routes;

use crate::auth::{Developer, Found};
use crate::http::{ApiError, Body};
use crate::records::RunRecord;
use crate::server::Server;

/// The same commit and plan again, wholly or from a stage on.
#[utoipa::path(post, path = routes::RUN_RERUN, tag = "runs", operation_id = "rerun", params(("run" = String, Path)), request_body = RerunRequest, responses((status = 201, body = RunSummary)))]
pub(in crate::http) async fn rerun(
    State(server): State<Arc<Server>>,
    found: Found<RunRecord, Developer>,
    Body(wish): Body<RerunRequest>,
) -> Result<(StatusCode, Json<RunSummary>), ApiError> {
    let id = found.document.0.id;
    let run = server
        .rerun(id, (wish.from_stage, wish.hold), &found.caller.name)
        .await?;
    Ok((StatusCode::CREATED, Json(RunSummary::from(&run))))
}
