//! Tenants.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{Page, PageQuery, WorkspaceChange, WorkspaceCreate, WorkspaceView};
use circle_api::routes;
use circle_core::ids::WorkspaceId;
use circle_core::members::Role;
use circle_core::service::{Workspace, WorkspacePolicy};
use circle_store::records::{Query, kinds};
use uuid::Uuid;

use super::page::page;
use super::validate::Faults;
use super::workers::remove_workers_of;
use crate::auth::{Admin, Caller, Instance, Viewer, Within};
use crate::http::{ApiError, Body, IfMatch, Params, Tagged};
use crate::records::WorkspaceRecord;
use crate::server::Server;
use crate::time::{now, now_ms};

/// By name: those in which the caller has a role. A page may be shorter than asked for although more follow.
#[utoipa::path(get, path = routes::WORKSPACES, tag = "workspaces", operation_id = "list_workspaces", params(PageQuery), responses((status = 200, body = Page<WorkspaceView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<WorkspaceView>>, ApiError> {
    let view = |WorkspaceRecord(workspace)| {
        let role = caller.role_in(&workspace)?;
        Some(WorkspaceView::of(&workspace, role))
    };
    let all = page(&server, Query::over(kinds::WORKSPACE_NAME), &query, view).await?;
    Ok(Json(Page {
        items: all.items.into_iter().flatten().collect(),
        next: all.next,
    }))
}

/// Makes one; a known name is a conflict.
#[utoipa::path(post, path = routes::WORKSPACES, tag = "workspaces", operation_id = "create_workspace", request_body = WorkspaceCreate, responses((status = 201, body = WorkspaceView)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    _: Instance,
    Body(wish): Body<WorkspaceCreate>,
) -> Result<(StatusCode, Json<WorkspaceView>), ApiError> {
    let workspace = Workspace {
        id: WorkspaceId::from_uuid(Uuid::now_v7()),
        name: wish.name,
        policy: WorkspacePolicy::default(),
        max_parallel: Workspace::MOST_PARALLEL,
        members: Vec::new(),
        created_at: now(),
    };
    let record = WorkspaceRecord(workspace);
    server.records.insert(&record).await?;
    Ok((StatusCode::CREATED, Json(WorkspaceView::of(&record.0, Role::Admin))))
}

/// One by name.
#[utoipa::path(get, path = routes::WORKSPACE, tag = "workspaces", operation_id = "show_workspace", params(("workspace" = String, Path)), responses((status = 200, body = WorkspaceView)))]
pub(in crate::http) async fn show(within: Within<Viewer>) -> Result<Tagged<WorkspaceView>, ApiError> {
    let shown = WorkspaceView::of(&within.workspace, within.has);
    Ok(Tagged::new(within.workspace.id, within.version, shown))
}

/// Changes what is given.
#[utoipa::path(patch, path = routes::WORKSPACE, tag = "workspaces", operation_id = "change_workspace", params(("workspace" = String, Path)), request_body = WorkspaceChange, responses((status = 200, body = WorkspaceView)))]
pub(in crate::http) async fn change(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Body(change): Body<WorkspaceChange>,
) -> Result<Tagged<WorkspaceView>, ApiError> {
    let most = u64::from(Workspace::MOST_PARALLEL);
    Faults::default()
        .within(change.max_parallel.map(u64::from), (1, most), "max_parallel")
        .done()?;
    if (change.policy.is_some() || change.max_parallel.is_some()) && !within.caller.is_instance() {
        // Some rights are root on the worker's machine, and every run of one workspace takes a place of another's.
        return Err(ApiError::NotInstance);
    }
    let apply = |WorkspaceRecord(workspace): &mut WorkspaceRecord| {
        if let Some(policy) = &change.policy {
            workspace.policy = policy.applied_to(&workspace.policy).map_err(ApiError::Invalid)?;
        }
        workspace.max_parallel = change.max_parallel.unwrap_or(workspace.max_parallel);
        Ok::<(), ApiError>(())
    };
    let updated = server.change_matching(&matching, within.workspace.id, apply).await?;
    server.queue.limit_workspace(&updated.record.0, now_ms());
    let shown = WorkspaceView::of(&updated.record.0, within.has);
    Ok(Tagged::new(within.workspace.id, updated.version, shown))
}

/// Removes one that has no services.
#[utoipa::path(delete, path = routes::WORKSPACE, tag = "workspaces", operation_id = "remove_workspace", params(("workspace" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
) -> Result<StatusCode, ApiError> {
    matching.check(within.workspace.id, within.version)?;
    let (workspace, version) = (within.workspace, within.version);
    let id = workspace.id.to_string();
    let services = server.records.count(within.tenant.over(kinds::SERVICE_NAME)).await?;
    if services > 0 {
        return Err(ApiError::Conflict(format!(
            "the workspace has {services} services: remove them first"
        )));
    }
    server.records.delete::<WorkspaceRecord>(&id, version).await?;
    remove_workers_of(&server, workspace.id).await?;
    server.remove_hosts_of(workspace.id).await?;
    server.hook_keys.forget();
    Ok(StatusCode::NO_CONTENT)
}
