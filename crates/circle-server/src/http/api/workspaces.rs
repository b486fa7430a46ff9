//! Tenants.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{Page, PageQuery, WorkspaceChange, WorkspaceCreate, WorkspaceView};
use circle_api::routes;
use circle_core::ids::WorkspaceId;
use circle_core::service::{Workspace, WorkspacePolicy};
use circle_store::records::{Query, kinds};
use uuid::Uuid;

use super::page::page;
use super::validate::Faults;
use super::workers::remove_workers_of;
use crate::auth::Administrator;
use crate::http::{ApiError, Body, Params, Segments};
use crate::records::WorkspaceRecord;
use crate::server::Server;
use crate::time::{now, now_ms};

/// By name.
#[utoipa::path(get, path = routes::WORKSPACES, tag = "workspaces", operation_id = "list_workspaces", params(PageQuery), responses((status = 200, body = Page<WorkspaceView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    _: Administrator,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<WorkspaceView>>, ApiError> {
    let view = |WorkspaceRecord(workspace)| WorkspaceView::from(&workspace);
    Ok(Json(
        page(&server, Query::over(kinds::WORKSPACE_NAME), &query, view).await?,
    ))
}

/// Makes one; a known name is a conflict.
#[utoipa::path(post, path = routes::WORKSPACES, tag = "workspaces", operation_id = "create_workspace", request_body = WorkspaceCreate, responses((status = 201, body = WorkspaceView)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    _: Administrator,
    Body(wish): Body<WorkspaceCreate>,
) -> Result<(StatusCode, Json<WorkspaceView>), ApiError> {
    let workspace = Workspace {
        id: WorkspaceId::from_uuid(Uuid::now_v7()),
        name: wish.name,
        policy: WorkspacePolicy::default(),
        max_parallel: Workspace::MOST_PARALLEL,
        created_at: now(),
    };
    let record = WorkspaceRecord(workspace);
    server.records.insert(&record).await?;
    Ok((StatusCode::CREATED, Json(WorkspaceView::from(&record.0))))
}

/// One by name.
#[utoipa::path(get, path = routes::WORKSPACE, tag = "workspaces", operation_id = "show_workspace", params(("workspace" = String, Path)), responses((status = 200, body = WorkspaceView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    _: Administrator,
    Segments(name): Segments<String>,
) -> Result<Json<WorkspaceView>, ApiError> {
    Ok(Json(WorkspaceView::from(&server.workspace(&name).await?.0)))
}

/// Changes what is given.
#[utoipa::path(patch, path = routes::WORKSPACE, tag = "workspaces", operation_id = "change_workspace", params(("workspace" = String, Path)), request_body = WorkspaceChange, responses((status = 200, body = WorkspaceView)))]
pub(in crate::http) async fn change(
    State(server): State<Arc<Server>>,
    _: Administrator,
    Segments(name): Segments<String>,
    Body(change): Body<WorkspaceChange>,
) -> Result<Json<WorkspaceView>, ApiError> {
    let most = u64::from(Workspace::MOST_PARALLEL);
    Faults::default()
        .within(change.max_parallel.map(u64::from), (1, most), "max_parallel")
        .done()?;
    let (workspace, _) = server.workspace(&name).await?;
    let apply = |WorkspaceRecord(workspace): &mut WorkspaceRecord| {
        if let Some(policy) = &change.policy {
            workspace.policy = policy.applied_to(&workspace.policy).map_err(ApiError::Invalid)?;
        }
        workspace.max_parallel = change.max_parallel.unwrap_or(workspace.max_parallel);
        Ok::<(), ApiError>(())
    };
    let updated = server.records.update(&workspace.id.to_string(), apply).await?;
    server.queue.limit_workspace(&updated.record.0, now_ms());
    Ok(Json(WorkspaceView::from(&updated.record.0)))
}

/// Removes one that has no services.
#[utoipa::path(delete, path = routes::WORKSPACE, tag = "workspaces", operation_id = "remove_workspace", params(("workspace" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    _: Administrator,
    Segments(name): Segments<String>,
) -> Result<StatusCode, ApiError> {
    let (workspace, version) = server.workspace(&name).await?;
    let id = workspace.id.to_string();
    let services = server
        .records
        .count(Query::over(kinds::SERVICE_NAME).equal(id.as_str()))
        .await?;
    if services > 0 {
        return Err(ApiError::Conflict(format!(
            "the workspace has {services} services: remove them first"
        )));
    }
    server.records.delete::<WorkspaceRecord>(&id, version).await?;
    remove_workers_of(&server, workspace.id).await?;
    server.hook_keys.forget();
    Ok(StatusCode::NO_CONTENT)
}
