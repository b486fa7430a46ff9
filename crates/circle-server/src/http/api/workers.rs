//! Workers as people manage them.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{EnrolmentCreate, EnrolmentCreated, Page, PageQuery, WorkerState, WorkerView};
use circle_api::routes;
use circle_core::ids::{WorkerId, WorkspaceId};
use circle_store::records::{Query, UpdateError, Version, kinds};

use super::page::seen_page;
use super::validate::Faults;
use crate::auth::{Admin, Caller, Found, Within, mint};
use crate::http::{ApiError, Body, Params};
use crate::records::{TokenKind, TokenRecord, WorkerRecord};
use crate::server::Server;
use crate::time::{from_ms, now, now_ms};

/// An enrolment token works for an hour when nothing is said, in seconds.
const DEFAULT_ENROLMENT_S: u64 = 3_600;

/// By name: those of the caller's workspaces; the server's own for its administrators only.
#[utoipa::path(get, path = routes::WORKERS, tag = "workers", operation_id = "list_workers", params(PageQuery), responses((status = 200, body = Page<WorkerView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<WorkerView>>, ApiError> {
    let by_name = Query::over(kinds::WORKER_NAME);
    let shown = seen_page(&server, &caller, by_name, &query, view).await?;
    Ok(Json(shown))
}

/// A token that lets one worker in, once.
#[utoipa::path(post, path = routes::WORKER_ENROLMENTS, tag = "workers", operation_id = "create_enrolment", request_body = EnrolmentCreate, responses((status = 201, body = EnrolmentCreated)))]
pub(in crate::http) async fn enrolment(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Body(wish): Body<EnrolmentCreate>,
) -> Result<(StatusCode, Json<EnrolmentCreated>), ApiError> {
    Faults::default()
        .within(wish.valid_s, (60, 604_800), "valid_s")
        .done()?;
    let valid_ms = i64::try_from(wish.valid_s.unwrap_or(DEFAULT_ENROLMENT_S) * 1000).unwrap_or(i64::MAX);
    let by = caller.name.clone();
    let workspace = match &wish.workspace {
        Some(name) => {
            let within: Within<Admin> = caller.enter(&server, name).await?;
            Some(within.tenant.id())
        }
        None if caller.is_instance() => None,
        None => return Err(ApiError::NotInstance),
    };
    let again = match &wish.again {
        Some(name) => Some(known(&server, name, workspace).await?),
        None => None,
    };
    let minted = mint(TokenKind::Enrolment.prefix());
    let expires_at = now_ms().saturating_add(valid_ms);
    let mut record = minted.record(TokenKind::Enrolment, format!("by {by}"), now_ms());
    record.expires_at = Some(expires_at);
    (record.workspace, record.worker) = (workspace, again);
    server.records.insert(&record).await?;
    Ok((
        StatusCode::CREATED,
        Json(EnrolmentCreated {
            token: minted.value,
            expires_at: from_ms(expires_at),
        }),
    ))
}

/// A worker of this workspace, by name or id; another workspace's is not there.
async fn known(server: &Server, named: &str, workspace: Option<WorkspaceId>) -> Result<WorkerId, ApiError> {
    let found = match named.parse::<WorkerId>() {
        Ok(id) => server.records.load::<WorkerRecord>(&id.to_string()).await?,
        Err(_) => {
            server
                .records
                .load_by::<WorkerRecord>(Query::over(kinds::WORKER_NAME).equal(named))
                .await?
        }
    };
    let own = found.filter(|(worker, _)| worker.workspace == workspace);
    own.map(|(worker, _)| worker.id)
        .ok_or_else(|| ApiError::not_found("worker", named))
}

/// Ends a worker's credential at once. What it executes is taken over when its leases run out.
#[utoipa::path(delete, path = routes::WORKER, tag = "workers", operation_id = "revoke_worker", params(("worker" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn revoke(
    State(server): State<Arc<Server>>,
    found: Found<WorkerRecord, Admin>,
) -> Result<StatusCode, ApiError> {
    server.end_worker(found.document, found.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends the workers of a workspace that is gone.
pub(super) async fn remove_workers_of(server: &Server, workspace: WorkspaceId) -> Result<(), ApiError> {
    let all = server.records.load_all::<WorkerRecord>(Query::over(kinds::WORKER_NAME));
    for (worker, version) in all.await? {
        if worker.workspace == Some(workspace) {
            server.end_worker(worker, version).await?;
        }
    }
    Ok(())
}

impl Server {
    /// Ends a worker: its credential, its stream, and its hold of what it executes.
    pub(crate) async fn end_worker(&self, worker: WorkerRecord, version: Version) -> Result<(), ApiError> {
        let token = worker.token.to_string();
        if let Some((_, version)) = self.records.load::<TokenRecord>(&token).await? {
            self.records.delete::<TokenRecord>(&token, version).await?;
        }
        self.records
            .delete::<WorkerRecord>(&worker.id.to_string(), version)
            .await?;
        self.queue.cut(worker.id);
        self.lose_worker(worker.id).await;
        Ok(())
    }
}

/// Lets it finish what it has; it takes nothing new.
#[utoipa::path(post, path = routes::WORKER_DRAIN, tag = "workers", operation_id = "drain_worker", params(("worker" = String, Path)), responses((status = 202, body = WorkerView)))]
pub(in crate::http) async fn drain(
    State(server): State<Arc<Server>>,
    found: Found<WorkerRecord, Admin>,
) -> Result<(StatusCode, Json<WorkerView>), ApiError> {
    let id = found.document.id;
    let set = |worker: &mut WorkerRecord| {
        worker.draining = true;
        Ok::<(), Infallible>(())
    };
    let updated = server
        .records
        .update(&id.to_string(), set)
        .await
        .map_err(|error| match error {
            UpdateError::Missing { .. } => ApiError::not_found("worker", id),
            UpdateError::Refused(never) => match never {},
            UpdateError::Contended { .. } => ApiError::Unavailable(error.to_string()),
            UpdateError::Record(error) => error.into(),
        })?;
    server.queue.drain(id);
    Ok((StatusCode::ACCEPTED, Json(view(&server, updated.record))))
}

fn view(server: &Server, worker: WorkerRecord) -> WorkerView {
    let connected = server.queue.is_connected(worker.id);
    let state = match (connected, worker.draining) {
        (false, _) => WorkerState::Lost,
        (true, true) => WorkerState::Draining,
        (true, false) => WorkerState::Connected,
    };
    WorkerView {
        id: worker.id,
        name: worker.name,
        state,
        workspace: worker.workspace,
        version: worker.facts.version,
        arch: worker.facts.arch,
        max_cells: worker.facts.max_cells,
        warm_cells: worker.facts.warm_cells,
        memory_bytes: worker.facts.memory_bytes,
        cpus: worker.facts.cpus,
        runs: server
            .queue
            .held_by(worker.id)
            .into_iter()
            .map(|(run, _)| run)
            .collect(),
        seen_at: if connected {
            Some(now())
        } else {
            worker.seen_at.map(from_ms)
        },
        created_at: from_ms(worker.created_at),
    }
}
