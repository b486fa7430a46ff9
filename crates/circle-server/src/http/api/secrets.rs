//! Secrets: written, never read back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{
    MAX_SECRET_BYTES, MIN_SECRET_CHARACTERS, Page, PageQuery, SecretLimits as WantedLimits, SecretScope as Wanted,
    SecretSet, SecretView,
};
use circle_api::routes;
use circle_core::ids::SecretId;
use circle_core::secret_limits::SecretLimits;
use circle_core::service::SecretScope;
use circle_store::records::{Cursor, Version, kinds};

use super::page::wrong_cursor;
use super::validate::Faults;
use crate::auth::{Admin, Developer, Tenant, Within};
use crate::http::{ApiError, Body, IfMatch, Params, Segments, Tagged};
use crate::records::SecretRecord;
use crate::server::Server;
use crate::vault::SecretWish;

/// By scope and name; Circle's own are left out.
#[utoipa::path(get, path = routes::SECRETS, tag = "secrets", operation_id = "list_secrets", params(("workspace" = String, Path), PageQuery), responses((status = 200, body = Page<SecretView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Developer>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<SecretView>>, ApiError> {
    let by_name = within.tenant.over(kinds::SECRET_NAME);
    let by_name = by_name
        .limit(query.size() as usize)
        .after(query.cursor.map(Cursor::from_text));
    let found = server.records.find(by_name).await.map_err(wrong_cursor)?;
    let mut items = Vec::new();
    for (record, _) in server.records.load_page::<SecretRecord>(&found).await? {
        items.extend(view(&server, record).await?);
    }
    Ok(Json(Page {
        items,
        next: found.next.map(|cursor| cursor.as_text().to_owned()),
    }))
}

/// One without its value.
#[utoipa::path(get, path = routes::SECRET, tag = "secrets", operation_id = "show_secret", params(("workspace" = String, Path), ("secret" = String, Path)), responses((status = 200, body = SecretView)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    within: Within<Developer>,
    Segments((_workspace, id)): Segments<(String, SecretId)>,
) -> Result<Tagged<SecretView>, ApiError> {
    let (record, version) = one(&server, within.tenant, id).await?;
    let shown = view(&server, record).await?;
    let shown = shown.ok_or_else(|| ApiError::not_found("secret", id))?;
    Ok(Tagged::new(id, version, shown))
}

/// Makes or replaces one; with `If-Match`, only replaces.
#[utoipa::path(put, path = routes::SECRETS, tag = "secrets", operation_id = "set_secret", params(("workspace" = String, Path)), request_body = SecretSet, responses((status = 200, body = SecretView)))]
pub(in crate::http) async fn set(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Body(wish): Body<SecretSet>,
) -> Result<Tagged<SecretView>, ApiError> {
    judged(&wish)?;
    let scope = scope_of(&server, within.tenant, &wish.scope).await?;
    let limits = wish.limits.as_ref().map(SecretLimits::from);
    let secret = SecretWish {
        readers: &scope,
        name: wish.name.as_str(),
        value: &wish.value,
        limits: limits.as_ref(),
    };
    let (record, version) = server.put_secret(within.workspace.id, secret, &matching).await?;
    let shown = SecretView {
        id: record.id,
        scope: wish.scope,
        name: record.name,
        limits: WantedLimits::from(&record.limits),
        created_at: record.created_at,
    };
    Ok(Tagged::new(record.id, version, shown))
}

fn judged(wish: &SecretSet) -> Result<(), ApiError> {
    let (text, mut faults) = (wish.value.expose(), Faults::default());
    faults.unless(
        text.len() <= MAX_SECRET_BYTES,
        "value",
        format!("a secret has at most {MAX_SECRET_BYTES} bytes"),
    );
    faults.unless(
        text.trim_end().chars().count() >= MIN_SECRET_CHARACTERS,
        "value",
        format!(
            "a secret has at least {MIN_SECRET_CHARACTERS} characters: a shorter one cannot be masked; use a longer one, or a variable under `environment` when it is none"
        ),
    );
    let images = wish.limits.as_ref().map_or(0, |limits| limits.images.len());
    faults.unless(
        images <= SecretLimits::MOST_IMAGES,
        "limits.images",
        format!(
            "a secret is limited to at most {} patterns of images",
            SecretLimits::MOST_IMAGES
        ),
    );
    faults.done()
}

/// Removes one.
#[utoipa::path(delete, path = routes::SECRET, tag = "secrets", operation_id = "remove_secret", params(("workspace" = String, Path), ("secret" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Admin>,
    matching: IfMatch,
    Segments((_workspace, id)): Segments<(String, SecretId)>,
) -> Result<StatusCode, ApiError> {
    let (_, version) = one(&server, within.tenant, id).await?;
    matching.check(id, version)?;
    server.records.delete::<SecretRecord>(&id.to_string(), version).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Circle's own secrets are nobody's to see: they go with what they belong to.
async fn one(server: &Server, tenant: Tenant, id: SecretId) -> Result<(SecretRecord, Version), ApiError> {
    let found = server.records.load::<SecretRecord>(&id.to_string()).await?;
    let found = found.filter(|(record, _)| tenant.owns(record.workspace) && record.readers != SecretScope::Internal);
    found.ok_or_else(|| ApiError::not_found("secret", id))
}

async fn scope_of(server: &Server, tenant: Tenant, wanted: &Wanted) -> Result<SecretScope, ApiError> {
    Ok(match wanted {
        Wanted::Workspace => SecretScope::Workspace,
        Wanted::Service { service } => SecretScope::Service {
            service: server.service(tenant, service.as_str()).await?.0.id,
        },
        Wanted::Environment { environment } => SecretScope::Environment {
            environment: server.environment(tenant, environment.as_str()).await?.0.name,
        },
    })
}

/// `None` for what is Circle's own, or of a service that is gone.
async fn view(server: &Server, record: SecretRecord) -> Result<Option<SecretView>, ApiError> {
    let scope = match &record.readers {
        SecretScope::Internal => return Ok(None),
        SecretScope::Workspace => Wanted::Workspace,
        SecretScope::Environment { environment } => Wanted::Environment {
            environment: environment.clone(),
        },
        SecretScope::Service { service } => match server.service_by_id(*service).await {
            Ok(service) => Wanted::Service { service: service.name },
            Err(ApiError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        },
    };
    Ok(Some(SecretView {
        id: record.id,
        scope,
        name: record.name,
        limits: WantedLimits::from(&record.limits),
        created_at: record.created_at,
    }))
}
