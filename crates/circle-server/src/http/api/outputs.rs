//! What the stages of a run copied out, for people: the same tars that reruns take over.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use circle_api::routes;
use circle_core::ids::RunId;
use circle_core::run::Run;
use circle_store::blobs::{BlobError, Digest};
use futures_util::TryStreamExt;

use crate::auth::{Found, Viewer};
use crate::http::{ApiError, Segments};
use crate::records::RunRecord;
use crate::server::Server;

/// The outputs of a stage as a tar, each under the path that `outputs:` names.
#[utoipa::path(get, path = routes::STAGE_OUTPUT, tag = "runs", operation_id = "stage_output", params(("run" = String, Path), ("stage" = String, Path)), responses((status = 200, body = String, content_type = "application/x-tar")))]
pub(in crate::http) async fn stage(
    State(server): State<Arc<Server>>,
    found: Found<RunRecord, Viewer>,
    Segments((_id, stage)): Segments<(RunId, String)>,
) -> Result<Response, ApiError> {
    let RunRecord(run) = found.document;
    let mut response = tar(&server, &run, &stage).await?;
    // What a job made is never shown as a page of this server, whatever a browser takes it for.
    let attachment = HeaderValue::from_static("attachment; filename=\"outputs.tar\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, attachment);
    Ok(response)
}

/// The tar of a stage of this run: of a stage taken over, or stored before.
pub(crate) async fn tar(server: &Server, run: &Run, stage: &str) -> Result<Response, ApiError> {
    let known = run.stages.iter().find(|known| known.name == stage);
    let output = known.and_then(|known| known.output.as_ref());
    let output = output.ok_or_else(|| ApiError::not_found("output of stage", stage))?;
    let digest: Digest = output.digest.parse()?;
    let reader = server.blobs.get(&digest).await.map_err(|error| match error {
        BlobError::Missing(_) => ApiError::OutputGone {
            stage: stage.to_owned(),
            days: server.config.keep_days,
        },
        other => other.into(),
    })?;
    let headers = [
        (CONTENT_TYPE, "application/x-tar".to_owned()),
        (CONTENT_LENGTH, reader.size.to_string()),
    ];
    let (run, stage) = (run.id, stage.to_owned());
    let bytes = reader.bytes.inspect_err(move |error| {
        tracing::error!(%run, stage, %error, "outputs were not handed on whole");
    });
    Ok((headers, Body::from_stream(bytes)).into_response())
}
