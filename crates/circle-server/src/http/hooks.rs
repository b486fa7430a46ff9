//! The way in for pushes: bounded, signed over the raw bytes, stored, answered. Nothing is understood here.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use circle_api::resources::HookAccepted;
use circle_api::routes;
use circle_core::ids::{DeliveryId, ServiceId};
use circle_core::service::{SecretScope, Service};
use circle_store::records::{Query, RecordError, StoreError, kinds};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::forge_hooks::shown;
use super::hook_keys::HookKey;
use super::{ApiError, RawBody, Segments};
use crate::auth::Tenant;
use crate::records::{Delivery, DeliveryState, GIT_HOOK, Payload};
use crate::server::Server;
use crate::time::now_ms;

/// `sha256=` and the hex HMAC-SHA256 of the raw body.
pub(crate) const SIGNATURE_HEADER: &str = "circle-signature";

/// Takes a push of a plain git repository.
#[utoipa::path(post, path = routes::HOOK, tag = "hooks", request_body = circle_api::resources::GitHook,
    params(("workspace" = String, Path), ("service" = String, Path), ("circle-signature" = String, Header, description = "`sha256=` and the hex HMAC-SHA256 of the raw body")),
    responses((status = 202, body = HookAccepted), (status = 401, body = circle_api::resources::Problem)), security(()))]
pub(crate) async fn git_hook(
    State(server): State<Arc<Server>>,
    Segments((workspace, service)): Segments<(String, String)>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<(StatusCode, Json<HookAccepted>), ApiError> {
    let key = verified(&server, (&workspace, &service), &headers, &body).await?;
    let delivery = delivery(&key.service, &headers, &body)?;
    let accepted = store(&server, delivery).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

/// The name under which a service's hook secret is kept.
pub(crate) fn secret_name(service: ServiceId) -> String {
    format!("hook_{service}")
}

/// An unknown service and a wrong signature look the same from outside.
async fn verified(
    server: &Server,
    (workspace, service): (&str, &str),
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Arc<HookKey>, ApiError> {
    let known = known(server, workspace, service).await;
    let key = match known {
        Ok(known) => known,
        Err(ApiError::NotFound { .. }) => return Err(ApiError::BadSignature),
        Err(error) => return Err(error),
    };
    let said = headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
    let said = said
        .and_then(|text| text.strip_prefix("sha256="))
        .and_then(|text| hex::decode(text).ok());
    let said = said.ok_or(ApiError::BadSignature)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.secret.expose_secret().as_bytes())
        .map_err(|_| ApiError::Internal("a hook's secret is no key".into()))?;
    mac.update(body);
    // `verify_slice` compares in constant time.
    mac.verify_slice(&said).map_err(|_| ApiError::BadSignature)?;
    Ok(key)
}

async fn known(server: &Server, workspace: &str, service: &str) -> Result<Arc<HookKey>, ApiError> {
    let names = (workspace, service);
    let generation = match server.hook_keys.find(workspace, service) {
        Ok(key) => return Ok(key),
        Err(generation) => generation,
    };
    let tenant = Tenant::of_hook(server, workspace).await?;
    let (service, _) = server.service(tenant, service).await?;
    let secret = server
        .open_secret(tenant.id(), &SecretScope::Internal, &secret_name(service.id))
        .await?;
    let secret = secret.ok_or_else(|| ApiError::not_found("hook secret", &service.name))?;
    let key = Arc::new(HookKey {
        service,
        secret,
        forge: None,
    });
    server.hook_keys.put(generation, names, Arc::clone(&key));
    Ok(key)
}

/// A delivery is called by the hash of what was signed: whoever caught one cannot send it again as another.
fn delivery(service: &Service, headers: &HeaderMap, body: &[u8]) -> Result<Delivery, ApiError> {
    let text = std::str::from_utf8(body).map_err(|_| ApiError::Invalid("the body is not UTF-8 text".into()))?;
    let now = now_ms();
    Ok(Delivery {
        id: DeliveryId::from_uuid(Uuid::now_v7()),
        workspace: service.workspace,
        service: service.id,
        forge: format!("{GIT_HOOK}:{}", service.id),
        delivery_id: hex::encode(Sha256::digest(body)),
        source: GIT_HOOK.into(),
        payload: Payload::Git {
            body: text.to_owned(),
            headers: shown(headers),
        },
        state: DeliveryState::Waiting,
        received_at: now,
        tries: 0,
        next_try_at: now,
    })
}

/// Stores a delivery once; the same again gives the first.
pub(crate) async fn store(server: &Server, delivery: Delivery) -> Result<HookAccepted, ApiError> {
    match server.records.insert(&delivery).await {
        Ok(_) => Ok(HookAccepted {
            delivery: delivery.id,
            duplicate: false,
        }),
        Err(RecordError::Store(StoreError::Conflict { .. })) => {
            let same = Query::over(kinds::DELIVERY_FORGE)
                .equal(delivery.forge)
                .equal(delivery.delivery_id);
            let first = server.records.load_by::<Delivery>(same).await?;
            let (first, _) = first.ok_or_else(|| ApiError::Unavailable("a delivery vanished".into()))?;
            Ok(HookAccepted {
                delivery: first.id,
                duplicate: true,
            })
        }
        Err(error) => Err(error.into()),
    }
}
