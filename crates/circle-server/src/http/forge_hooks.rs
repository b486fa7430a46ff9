//! The way in for calls of forges: bounded, verified in the forge's own way, stored, answered. Nothing is understood here.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use circle_api::resources::HookAccepted;
use circle_api::routes;
use circle_core::forge::ForgeKind;
use circle_core::ids::{DeliveryId, ServiceId};
use circle_core::service::{SecretScope, Service};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::bodies::ForgeBody;
use super::hook_keys::HookKey;
use super::hooks::{secret_name, store};
use super::{ApiError, Segments};
use crate::forge::verify;
use crate::records::{Delivery, DeliveryState, Payload};
use crate::server::Server;
use crate::time::now_ms;

/// In the place of a workspace's name among the open keys; no workspace can be called so.
const BY_ID: &str = "by id";
/// Headers that are kept of a call.
const HEADERS_KEPT: usize = 40;
/// Of each as much.
const HEADER_CHARS: usize = 300;
/// What stands in the place of what must not be seen.
const HIDDEN: &str = "(hidden)";

/// Takes a call of the forge that a service is linked to.
#[utoipa::path(post, path = routes::FORGE_HOOK, tag = "hooks", params(("service" = String, Path, description = "the service's id")),
    request_body(content = String, description = "what the forge sends", content_type = "application/json"),
    responses((status = 202, body = HookAccepted), (status = 401, body = circle_api::resources::Problem)), security(()))]
pub(crate) async fn forge_hook(
    State(server): State<Arc<Server>>,
    Segments(service): Segments<String>,
    headers: HeaderMap,
    ForgeBody(body): ForgeBody,
) -> Result<(StatusCode, Json<HookAccepted>), ApiError> {
    // An unknown service and a wrong signature look the same from outside.
    let key = match known(&server, &service).await {
        Ok(key) => key,
        Err(ApiError::NotFound { .. }) => return Err(ApiError::BadSignature),
        Err(error) => return Err(error),
    };
    let kind = key.forge.filter(|kind| verify(*kind, &headers, &body, &key.secret));
    let kind = kind.ok_or(ApiError::BadSignature)?;
    let delivery = delivery(&server, (&key.service, kind), &headers, body).await?;
    let accepted = store(&server, delivery).await?;
    Ok((StatusCode::ACCEPTED, Json(accepted)))
}

async fn known(server: &Server, id: &str) -> Result<Arc<HookKey>, ApiError> {
    let generation = match server.hook_keys.find(BY_ID, id) {
        Ok(key) => return Ok(key),
        Err(generation) => generation,
    };
    let service: ServiceId = id.parse().map_err(|_| ApiError::not_found("service", id))?;
    let service = server.service_by_id(service).await?;
    let link = service
        .forge
        .as_ref()
        .ok_or_else(|| ApiError::not_found("forge of the service", id))?;
    let kind = server.forge_connection(link.connection).await?.kind;
    let secret = server
        .open_secret(service.workspace, &SecretScope::Internal, &secret_name(service.id))
        .await?;
    let secret = secret.ok_or_else(|| ApiError::not_found("hook secret", id))?;
    let key = Arc::new(HookKey {
        service,
        secret,
        forge: Some(kind),
    });
    server.hook_keys.put(generation, (BY_ID, id), Arc::clone(&key));
    Ok(key)
}

/// Called by the hash of the body: a forge that sends it again, and whoever caught it, cause nothing new.
async fn delivery(
    server: &Server,
    (service, kind): (&Service, ForgeKind),
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Delivery, ApiError> {
    let (id, now) = (DeliveryId::from_uuid(Uuid::now_v7()), now_ms());
    let delivery_id = hex::encode(Sha256::digest(&body));
    let kept = server.keep_body(id, body).await?;
    Ok(Delivery {
        id,
        workspace: service.workspace,
        service: service.id,
        forge: format!("{}:{}", kind.word(), service.id),
        delivery_id,
        source: kind.word().into(),
        payload: Payload::Forge {
            forge: kind,
            headers: shown(headers),
            body: kept,
        },
        state: DeliveryState::Waiting,
        received_at: now,
        tries: 0,
        next_try_at: now,
    })
}

/// Headers as they may be kept and shown: what opens anything is left out.
pub(super) fn shown(headers: &HeaderMap) -> BTreeMap<String, String> {
    let kept = headers.iter().take(HEADERS_KEPT).map(|(name, value)| {
        let text = match (is_secret(name.as_str()), value.to_str()) {
            (true, _) => HIDDEN.to_owned(),
            (false, Ok(text)) => text.chars().take(HEADER_CHARS).collect(),
            (false, Err(_)) => "(not text)".to_owned(),
        };
        (name.as_str().to_owned(), text)
    });
    kept.collect()
}

fn is_secret(name: &str) -> bool {
    const WORDS: &[&str] = &["authorization", "cookie", "token", "secret", "api-key", "password"];
    WORDS.iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::shown;

    #[test]
    fn headers_that_open_something_are_not_kept() {
        let headers: HeaderMap = [
            ("x-gitlab-token", "hunter22"),
            ("authorization", "Basic hunter22"),
            ("cookie", "hunter22"),
            ("x-github-event", "push"),
        ]
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
        let kept = shown(&headers);
        assert_eq!(kept["x-github-event"], "push");
        assert!(!format!("{kept:?}").contains("hunter22"), "{kept:?}");
        assert_eq!(kept.len(), 4, "that they came is kept");
    }
}
