//! Registries.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{Page, PageQuery, RegistryChange, RegistryCreate, RegistryView};
use circle_api::routes;
use circle_api::worker::SecretValue;
use circle_core::ids::{RegistryId, SecretId};
use circle_core::service::{Registry, SecretScope};
use circle_store::records::kinds;
use uuid::Uuid;

use super::page::page;
use super::validate::Faults;
use crate::auth::{Admin, Viewer, Within};
use crate::http::{ApiError, Body, IfMatch, Params, Segments, Tagged};
use crate::records::{RegistryRecord, ServiceRecord};
use crate::server::Server;
use crate::time::now;

/// Longest password, in bytes.
const MAX_PASSWORD_BYTES: usize = 4096;

/// By name.
#[utoipa::path(get, path = routes::REGISTRIES, tag = "registries", operation_id = "list_registries", params(("workspace" = String, Path), PageQuery), responses((status = 200, body = Page<RegistryView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<RegistryView>>, ApiError> {
    let by_name = within.tenant.over(kinds::REGISTRY_NAME);
    Ok(Json(
        page(&server, by_name, &query, |RegistryRecord(registry)| {
            RegistryView::from(&registry)
        })
        .await?,
    ))
}

/// Makes one known.
#[utoipa::path(post, path = routes::REGISTRIES, tag = "registries", operation_id = "create_registry", params(("workspace" = String, Path)), request_body = RegistryCreate, responses((status = 201, body = RegistryView)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    Body(wish): Body<RegistryCreate>,
) -> Result<(StatusCode, Json<RegistryView>), ApiError> {
    check(Some(&wish.address), wish.username.as_deref(), wish.password.as_ref())?;
    let mut registry = Registry {
        id: RegistryId::from_uuid(Uuid::now_v7()),
        workspace: within.workspace.id,
        name: wish.name,
        address: wish.address,
        username: wish.username,
        password: None,
        created_at: now(),
    };
    if let Some(password) = &wish.password {
        registry.password = Some(keep(&server, &registry, password).await?);
    }
    let record = RegistryRecord(registry);
    server.records.insert(&record).await?;
    Ok((StatusCode::CREATED, Json(RegistryView::from(&record.0))))
}

/// One by name.
#[utoipa::path(get, path = routes::REGISTRY, tag = "registries", operation_id = "show_registry", params(("workspace" = String, Path), ("registry" = String, Path)), responses((status = 200, body = RegistryView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<Tagged<RegistryView>, ApiError> {
    let (registry, version) = server.registry(within.tenant, &name).await?;
    Ok(Tagged::new(registry.id, version, RegistryView::from(&registry)))
}

/// Changes what is given; a new address drops a password that is not given with it.
#[utoipa::path(patch, path = routes::REGISTRY, tag = "registries", operation_id = "change_registry", params(("workspace" = String, Path), ("registry" = String, Path)), request_body = RegistryChange, responses((status = 200, body = RegistryView)))]
pub(in crate::http) async fn change(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(wish): Body<RegistryChange>,
) -> Result<Tagged<RegistryView>, ApiError> {
    let (registry, version) = server.registry(within.tenant, &name).await?;
    matching.check(registry.id, version)?;
    check(
        wish.address.as_deref(),
        wish.username.as_deref(),
        wish.password.as_ref(),
    )?;
    let password = match &wish.password {
        Some(password) => Some(keep(&server, &registry, password).await?),
        None => None,
    };
    let apply = |RegistryRecord(known): &mut RegistryRecord| {
        if let Some(address) = wish.address.as_ref().filter(|address| **address != known.address) {
            known.address = address.clone();
            known.password = None;
        }
        known.username = wish.username.clone().or_else(|| known.username.clone());
        known.password = password.or(known.password);
        Ok::<(), ApiError>(())
    };
    let updated = server.change_matching(&matching, registry.id, apply).await?;
    let shown = RegistryView::from(&updated.record.0);
    Ok(Tagged::new(registry.id, updated.version, shown))
}

/// Removes one that no service pushes to.
#[utoipa::path(delete, path = routes::REGISTRY, tag = "registries", operation_id = "remove_registry", params(("workspace" = String, Path), ("registry" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<StatusCode, ApiError> {
    let (registry, version) = server.registry(within.tenant, &name).await?;
    matching.check(registry.id, version)?;
    let of_workspace = within.tenant.over(kinds::SERVICE_NAME);
    let pushes = |ServiceRecord(service): &ServiceRecord| {
        service
            .image
            .as_ref()
            .is_some_and(|home| home.registry == registry.name)
    };
    if let Some(ServiceRecord(service)) = server.records.first_that(of_workspace, pushes).await? {
        let message = format!(
            "the service {} pushes to it: give that another image first",
            service.name
        );
        return Err(ApiError::Conflict(message));
    }
    server
        .records
        .delete::<RegistryRecord>(&registry.id.to_string(), version)
        .await?;
    server
        .forget_secret(within.workspace.id, &SecretScope::Internal, &password_name(registry.id))
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn password_name(registry: RegistryId) -> String {
    format!("password_{registry}")
}

async fn keep(server: &Server, registry: &Registry, password: &SecretValue) -> Result<SecretId, ApiError> {
    let name = password_name(registry.id);
    Ok(server
        .keep_secret(registry.workspace, SecretScope::Internal, &name, password)
        .await?
        .id)
}

fn check(address: Option<&str>, username: Option<&str>, password: Option<&SecretValue>) -> Result<(), ApiError> {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || ".-:[]_".contains(c));
    Faults::default()
        .text(address, 255, "address")
        .unless(
            address.is_none_or(plain),
            "address",
            "the address is host[:port] without a scheme or path",
        )
        .text(username, 255, "username")
        .unless(
            password.is_none_or(|one| (1..=MAX_PASSWORD_BYTES).contains(&one.expose().len())),
            "password",
            "a password has 1 to 4,096 bytes",
        )
        .done()
}
