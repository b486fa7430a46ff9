//! Golden roots as an administrator sees them: asked of the worker that keeps them, kept nowhere else.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use circle_api::resources::{GoldenRootView, GoldenRootsPrune};
use circle_api::routes;
use circle_api::worker::{Order, RootReport};
use circle_core::ids::QuestionId;
use jiff::Timestamp;
use uuid::Uuid;

use crate::auth::{Admin, Found, Viewer};
use crate::http::{ApiError, Body};
use crate::limits::WORKER_ANSWER_TIME;
use crate::records::WorkerRecord;
use crate::server::Server;

/// What the worker keeps now.
#[utoipa::path(get, path = routes::WORKER_ROOTS, tag = "workers", operation_id = "list_roots", params(("worker" = String, Path)), responses((status = 200, body = Vec<GoldenRootView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    found: Found<WorkerRecord, Viewer>,
) -> Result<Json<Vec<GoldenRootView>>, ApiError> {
    ask(&server, &found.document, None).await.map(Json)
}

/// Removes them; running cells keep what they began from.
#[utoipa::path(post, path = routes::WORKER_ROOTS_PRUNE, tag = "workers", operation_id = "prune_roots", params(("worker" = String, Path)), request_body = GoldenRootsPrune, responses((status = 200, body = Vec<GoldenRootView>)))]
pub(in crate::http) async fn prune(
    State(server): State<Arc<Server>>,
    found: Found<WorkerRecord, Admin>,
    Body(wish): Body<GoldenRootsPrune>,
) -> Result<Json<Vec<GoldenRootView>>, ApiError> {
    let worker = found.document;
    let removed = ask(&server, &worker, Some(wish)).await?;
    tracing::info!(worker = %worker.id, removed = removed.len(), by = found.caller.name, "golden roots were removed");
    Ok(Json(removed))
}

async fn ask(
    server: &Server,
    worker: &WorkerRecord,
    remove: Option<GoldenRootsPrune>,
) -> Result<Vec<GoldenRootView>, ApiError> {
    let id = worker.id;
    let away = |why: &str| ApiError::Conflict(format!("the worker {} {why}", worker.name));
    if !server.queue.is_connected(id) {
        return Err(away("is not connected: start it, then ask again"));
    }
    let question = QuestionId::from_uuid(Uuid::now_v7());
    let answered = server.questions.expect(question, id);
    server.queue.tell(id, Order::Roots { question, remove });
    match tokio::time::timeout(WORKER_ANSWER_TIME, answered).await {
        Ok(Ok(roots)) => Ok(roots.into_iter().map(|root| view(worker, root)).collect()),
        Ok(Err(_)) | Err(_) => Err(away("did not answer in time: look at its log, then ask again")),
    }
}

fn view(worker: &WorkerRecord, root: RootReport) -> GoldenRootView {
    let moment = |seconds| Timestamp::from_second(seconds).unwrap_or_default();
    GoldenRootView {
        worker: worker.id,
        worker_name: worker.name.clone(),
        service: root.service,
        label: root.label,
        generation: root.generation,
        total_bytes: root.total_bytes,
        own_bytes: root.own_bytes,
        made_at: moment(root.made_at),
        used_at: moment(root.used_at),
        hits: root.hits,
        misses: root.misses,
    }
}
