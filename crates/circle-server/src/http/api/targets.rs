//! Targets.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{Page, PageQuery, SwarmEndpoint, TargetChange, TargetCreate, TargetView};
use circle_api::routes;
use circle_core::environment::{Target, TargetKind};
use circle_core::ids::{SecretId, TargetId};
use circle_core::service::SecretScope;
use circle_store::records::kinds;
use uuid::Uuid;

use super::page::page;
use super::validate::Faults;
use crate::auth::{Admin, Caller, Viewer, Within};
use crate::docker::Place;
use crate::http::{ApiError, Body, IfMatch, Params, Segments, Tagged};
use crate::records::{EnvironmentRecord, TargetRecord};
use crate::server::Server;
use crate::time::now;

/// Longest certificate bundle, in bytes.
const MAX_BUNDLE_BYTES: usize = 64 * 1024;

/// By name.
#[utoipa::path(get, path = routes::TARGETS, tag = "targets", operation_id = "list_targets", params(("workspace" = String, Path), PageQuery), responses((status = 200, body = Page<TargetView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<TargetView>>, ApiError> {
    let by_name = within.tenant.over(kinds::TARGET_NAME);
    Ok(Json(
        page(&server, by_name, &query, |TargetRecord(target)| {
            TargetView::from(&target)
        })
        .await?,
    ))
}

/// Makes one known.
#[utoipa::path(post, path = routes::TARGETS, tag = "targets", operation_id = "create_target", params(("workspace" = String, Path)), request_body = TargetCreate, responses((status = 201, body = TargetView)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Body(wish): Body<TargetCreate>,
) -> Result<(StatusCode, Json<TargetView>), ApiError> {
    check(&wish.swarm)?;
    reaches(&within.caller, &wish.swarm)?;
    let mut target = Target {
        id: TargetId::from_uuid(Uuid::now_v7()),
        workspace: within.workspace.id,
        name: wish.name,
        kind: TargetKind::Swarm {
            endpoint: wish.swarm.endpoint.clone(),
            tls: None,
        },
        created_at: now(),
    };
    target.kind = kind(&server, &target, &wish.swarm).await?;
    let record = TargetRecord(target);
    server.records.insert(&record).await?;
    Ok((StatusCode::CREATED, Json(TargetView::from(&record.0))))
}

/// One by name.
#[utoipa::path(get, path = routes::TARGET, tag = "targets", operation_id = "show_target", params(("workspace" = String, Path), ("target" = String, Path)), responses((status = 200, body = TargetView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<Tagged<TargetView>, ApiError> {
    let (target, version) = server.target(within.tenant, &name).await?;
    Ok(Tagged::new(target.id, version, TargetView::from(&target)))
}

/// Replaces how it is reached.
#[utoipa::path(patch, path = routes::TARGET, tag = "targets", operation_id = "change_target", params(("workspace" = String, Path), ("target" = String, Path)), request_body = TargetChange, responses((status = 200, body = TargetView)))]
pub(in crate::http) async fn change(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(wish): Body<TargetChange>,
) -> Result<Tagged<TargetView>, ApiError> {
    let (target, version) = server.target(within.tenant, &name).await?;
    matching.check(target.id, version)?;
    check(&wish.swarm)?;
    reaches(&within.caller, &wish.swarm)?;
    let kind = kind(&server, &target, &wish.swarm).await?;
    let apply = |TargetRecord(known): &mut TargetRecord| {
        known.kind = kind.clone();
        Ok::<(), ApiError>(())
    };
    let updated = server.change_matching(&matching, target.id, apply).await?;
    let shown = TargetView::from(&updated.record.0);
    Ok(Tagged::new(target.id, updated.version, shown))
}

/// Removes one that no environment is on.
#[utoipa::path(delete, path = routes::TARGET, tag = "targets", operation_id = "remove_target", params(("workspace" = String, Path), ("target" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (target, version) = server.target(within.tenant, &name).await?;
    matching.check(target.id, version)?;
    let of_workspace = within.tenant.over(kinds::ENVIRONMENT_NAME);
    let is_on_it = |EnvironmentRecord(environment): &EnvironmentRecord| environment.target == target.id;
    if let Some(EnvironmentRecord(environment)) = server.records.first_that(of_workspace, is_on_it).await? {
        let message = format!(
            "the environment {} is on it: give that another target first",
            environment.name
        );
        return Err(ApiError::Conflict(message));
    }
    server
        .records
        .delete::<TargetRecord>(&target.id.to_string(), version)
        .await?;
    server
        .forget_secret(within.workspace.id, &SecretScope::Internal, &bundle_name(target.id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn bundle_name(target: TargetId) -> String {
    format!("tls_{target}")
}

async fn kind(server: &Server, target: &Target, swarm: &SwarmEndpoint) -> Result<TargetKind, ApiError> {
    let tls: Option<SecretId> = match &swarm.tls_bundle {
        Some(bundle) => {
            let name = bundle_name(target.id);
            Some(
                server
                    .keep_secret(target.workspace, SecretScope::Internal, &name, bundle)
                    .await?
                    .id,
            )
        }
        None => None,
    };
    Ok(TargetKind::Swarm {
        endpoint: swarm.endpoint.clone(),
        tls,
    })
}

/// Whoever reaches a daemon's socket is root on the server's machine.
fn reaches(caller: &Caller, swarm: &SwarmEndpoint) -> Result<(), ApiError> {
    if swarm.endpoint.starts_with("unix:") && !caller.is_instance() {
        return Err(ApiError::NotInstance);
    }
    Ok(())
}

fn check(swarm: &SwarmEndpoint) -> Result<(), ApiError> {
    let known = swarm.endpoint.starts_with("unix:///") || Place::of(&swarm.endpoint).is_some();
    let bundle = swarm.tls_bundle.as_ref().map_or(1, |bundle| bundle.expose().len());
    Faults::default()
        .text(Some(&swarm.endpoint), 512, "swarm.endpoint")
        .unless(
            known,
            "swarm.endpoint",
            "the endpoint is unix:///path or tcp://host:port",
        )
        .unless(
            (1..=MAX_BUNDLE_BYTES).contains(&bundle),
            "swarm.tls_bundle",
            "a bundle has 1 byte to 64 KiB",
        )
        .done()
}
