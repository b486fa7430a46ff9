//! Environments.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{EnvironmentChange, EnvironmentCreate, EnvironmentView, Page, PageQuery};
use circle_api::routes;
use circle_core::environment::Environment;
use circle_core::ids::EnvironmentId;
use circle_store::records::{Cursor, kinds};
use uuid::Uuid;

use super::page::wrong_cursor;
use super::validate::Faults;
use super::views::environment_view;
use crate::auth::{Admin, Viewer, Within};
use crate::http::{ApiError, Body, IfMatch, Params, Segments, Tagged};
use crate::records::EnvironmentRecord;
use crate::server::Server;
use crate::time::now;

/// Globs of one environment.
const MAX_PROTECTED_REFS: usize = 64;

/// By name.
#[utoipa::path(get, path = routes::ENVIRONMENTS, tag = "environments", operation_id = "list_environments", params(("workspace" = String, Path), PageQuery), responses((status = 200, body = Page<EnvironmentView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<EnvironmentView>>, ApiError> {
    let by_name = within.tenant.over(kinds::ENVIRONMENT_NAME);
    let by_name = by_name
        .limit(query.size() as usize)
        .after(query.cursor.map(Cursor::from_text));
    let found = server.records.find(by_name).await.map_err(wrong_cursor)?;
    let mut items = Vec::new();
    for (EnvironmentRecord(environment), _) in server.records.load_page(&found).await? {
        items.push(environment_view(&server, environment).await?);
    }
    Ok(Json(Page {
        items,
        next: found.next.map(|cursor| cursor.as_text().to_owned()),
    }))
}

/// Makes one.
#[utoipa::path(post, path = routes::ENVIRONMENTS, tag = "environments", operation_id = "create_environment", params(("workspace" = String, Path)), request_body = EnvironmentCreate, responses((status = 201, body = EnvironmentView)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Body(wish): Body<EnvironmentCreate>,
) -> Result<(StatusCode, Json<EnvironmentView>), ApiError> {
    let (target, _) = server.target(within.tenant, wish.target.as_str()).await?;
    let environment = Environment {
        id: EnvironmentId::from_uuid(Uuid::now_v7()),
        workspace: within.workspace.id,
        name: wish.name,
        target: target.id,
        protected_refs: wish.protected_refs,
        workloads: BTreeMap::new(),
        deadline_s: wish.deadline_s.unwrap_or(Environment::DEFAULT_DEADLINE_S),
        stabilise_s: wish.stabilise_s.unwrap_or(Environment::DEFAULT_STABILISE_S),
        created_at: now(),
    };
    check(&environment)?;
    server.records.insert(&EnvironmentRecord(environment.clone())).await?;
    Ok((StatusCode::CREATED, Json(environment_view(&server, environment).await?)))
}

/// One by name.
#[utoipa::path(get, path = routes::ENVIRONMENT, tag = "environments", operation_id = "show_environment", params(("workspace" = String, Path), ("environment" = String, Path)), responses((status = 200, body = EnvironmentView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<Tagged<EnvironmentView>, ApiError> {
    let (environment, version) = server.environment(within.tenant, &name).await?;
    let id = environment.id;
    Ok(Tagged::new(id, version, environment_view(&server, environment).await?))
}

/// Changes what is given.
#[utoipa::path(patch, path = routes::ENVIRONMENT, tag = "environments", operation_id = "change_environment", params(("workspace" = String, Path), ("environment" = String, Path)), request_body = EnvironmentChange, responses((status = 200, body = EnvironmentView)))]
pub(in crate::http) async fn change(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(wish): Body<EnvironmentChange>,
) -> Result<Tagged<EnvironmentView>, ApiError> {
    let (environment, version) = server.environment(within.tenant, &name).await?;
    matching.check(environment.id, version)?;
    let target = match &wish.target {
        Some(name) => Some(server.target(within.tenant, name.as_str()).await?.0.id),
        None => None,
    };
    let apply = |EnvironmentRecord(known): &mut EnvironmentRecord| {
        known.target = target.unwrap_or(known.target);
        known.protected_refs = wish
            .protected_refs
            .clone()
            .unwrap_or_else(|| known.protected_refs.clone());
        known.deadline_s = wish.deadline_s.unwrap_or(known.deadline_s);
        known.stabilise_s = wish.stabilise_s.unwrap_or(known.stabilise_s);
        check(known)
    };
    let updated = server.change_matching(&matching, environment.id, apply).await?;
    let shown = environment_view(&server, updated.record.0).await?;
    Ok(Tagged::new(environment.id, updated.version, shown))
}

/// Removes one; what it deployed keeps running.
#[utoipa::path(delete, path = routes::ENVIRONMENT, tag = "environments", operation_id = "remove_environment", params(("workspace" = String, Path), ("environment" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (environment, version) = server.environment(within.tenant, &name).await?;
    matching.check(environment.id, version)?;
    server
        .records
        .delete::<EnvironmentRecord>(&environment.id.to_string(), version)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn check(environment: &Environment) -> Result<(), ApiError> {
    let mut faults = Faults::default();
    faults
        .within(Some(environment.deadline_s), (1, 86_400), "deadline_s")
        .within(Some(environment.stabilise_s), (0, 3_600), "stabilise_s")
        .unless(
            environment.protected_refs.len() <= MAX_PROTECTED_REFS,
            "protected_refs",
            "at most 64 globs",
        );
    for (index, pattern) in environment.protected_refs.iter().enumerate() {
        let field = format!("protected_refs[{index}]");
        faults.text(Some(pattern), 250, &field);
        let message = "write a glob over full refs, such as refs/heads/main or refs/tags/v*";
        faults.unless(
            pattern.starts_with("refs/") && Environment::is_glob(pattern),
            &field,
            message,
        );
    }
    faults.done()
}
