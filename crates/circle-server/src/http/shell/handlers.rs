//! The two ends of a shell, and the record of who was in a cell.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::extract::ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::response::Response;
use circle_api::resources::{Page, PageQuery, ShellView};
use circle_api::routes;
use circle_api::shell::MAX_MESSAGE_BYTES;
use circle_core::ids::{ShellId, WorkerId};
use circle_core::run::{Run, RunState};
use circle_store::records::{Query, kinds};
use jiff::Timestamp;
use uuid::Uuid;

use super::pass;
use crate::auth::{Developer, Found, Viewer, WorkerIdentity};
use crate::http::api::page;
use crate::http::{ApiError, Params, Segments};
use crate::records::{RunRecord, ShellRecord};
use crate::server::Server;
use crate::time::now_ms;

/// Opens a shell in the held cell of a run.
pub(in crate::http) async fn open(
    State(server): State<Arc<Server>>,
    found: Found<RunRecord, Developer>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let RunRecord(run) = found.document;
    let worker = holder(&run)?;
    let upgrade = upgrade.map_err(|_| ApiError::Invalid("this address is a WebSocket: connect with one".into()))?;
    let place = Arc::clone(&server.shells.places).try_acquire_owned();
    let place = place.map_err(|_| ApiError::Busy("too many shells are open: close one".into()))?;
    let record = ShellRecord {
        id: ShellId::from_uuid(Uuid::now_v7()),
        workspace: run.workspace,
        run: run.id,
        actor: found.caller.name,
        worker,
        opened_at: now_ms(),
        closed_at: None,
        ended: None,
    };
    server.records.insert(&record).await?;
    tracing::info!(run = %run.id, shell = %record.id, actor = record.actor, "a shell is opened in a held cell");
    let upgrade = upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        pass::serve(server, record, socket).await;
        drop(place);
    }))
}

/// The worker's end of a shell that was asked for.
pub(in crate::http) async fn answer(
    State(server): State<Arc<Server>>,
    worker: WorkerIdentity,
    Segments(id): Segments<ShellId>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let answer = server
        .shells
        .answer(id, worker.id)
        .ok_or_else(|| ApiError::not_found("shell", id))?;
    let upgrade = upgrade.map_err(|_| ApiError::Invalid("this address is a WebSocket: connect with one".into()))?;
    let upgrade = upgrade
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        // Whoever asked may have left meanwhile; then the worker hears it from the closed connection.
        let _ = answer.send(socket);
    }))
}

/// Who was in the run's cell, in order.
#[utoipa::path(get, path = routes::RUN_SHELLS, tag = "runs", operation_id = "list_shells", params(("run" = String, Path), PageQuery), responses((status = 200, body = Page<ShellView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    found: Found<RunRecord, Viewer>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<ShellView>>, ApiError> {
    let of_run = Query::over(kinds::SHELL_RUN).equal(found.document.0.id.to_string());
    Ok(Json(page(&server, of_run, &query, |record| view(&record)).await?))
}

fn view(record: &ShellRecord) -> ShellView {
    let time = |ms| Timestamp::from_millisecond(ms).unwrap_or_default();
    ShellView {
        id: record.id,
        run: record.run,
        actor: record.actor.clone(),
        worker: record.worker,
        opened_at: time(record.opened_at),
        closed_at: record.closed_at.map(time),
        ended: record.ended.clone(),
    }
}

/// The worker that may hold the run's cell; it knows itself whether it still does.
fn holder(run: &Run) -> Result<WorkerId, ApiError> {
    let asked = run.rerun.as_ref().is_some_and(|rerun| rerun.hold);
    if !asked {
        return Err(ApiError::Conflict(
            "the run's cell is not held: repeat it with `circle rerun --hold`, and open a shell when it has failed"
                .into(),
        ));
    }
    match run.state {
        RunState::Ended { .. } => {}
        _ => {
            return Err(ApiError::Conflict(
                "the run has not ended: a shell opens when a stage of it has failed".into(),
            ));
        }
    }
    let worker = run.parts.iter().find_map(|part| part.worker);
    worker.ok_or_else(|| ApiError::Conflict("no worker ever had the run".into()))
}
