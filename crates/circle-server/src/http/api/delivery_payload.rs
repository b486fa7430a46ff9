//! What a delivery brought, as it may be seen, and handling it once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{DeliveryPayload, Triggered};
use circle_api::routes;
use circle_core::ids::{DeliveryId, WorkspaceId};
use circle_core::mask::Masker;
use circle_store::records::{FindAll, Query, kinds};
use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::triggers::triggered;
use crate::auth::{Developer, Found};
use crate::http::ApiError;
use crate::http::hooks::store;
use crate::limits::BODY_SHOWN_CHARS;
use crate::records::{Delivery, DeliveryState, Payload};
use crate::server::Server;
use crate::time::now_ms;

/// Secrets of a workspace that are looked for in what is shown.
const SECRETS_MASKED: usize = 2_000;

/// Headers and body as they came; secrets of the workspace are masked, and headers that open something were never kept.
#[utoipa::path(get, path = routes::DELIVERY_PAYLOAD, tag = "deliveries", operation_id = "show_delivery_payload", params(("delivery" = String, Path)), responses((status = 200, body = DeliveryPayload)))]
pub(in crate::http) async fn show(
    State(server): State<Arc<Server>>,
    found: Found<Delivery, Developer>,
) -> Result<Json<DeliveryPayload>, ApiError> {
    let delivery = found.document;
    let (headers, body) = parts(&server, &delivery.payload).await?;
    let secrets = secrets(&server, delivery.workspace).await?;
    let masker = Masker::new(secrets.iter().map(ExposeSecret::expose_secret));
    let cut = body.chars().count() > BODY_SHOWN_CHARS;
    // Masked before it is cut, so that no secret is cut in two and one half of it shown.
    let body: String = masker.text(&body).chars().take(BODY_SHOWN_CHARS).collect();
    let headers = headers.into_iter().map(|(name, value)| (name, masker.text(&value)));
    Ok(Json(DeliveryPayload {
        headers: headers.collect(),
        body,
        cut,
        tries: delivery.tries,
    }))
}

/// Handles it again as if it had come now. What it makes is new; what it made stays.
#[utoipa::path(post, path = routes::DELIVERY_REPLAY, tag = "deliveries", operation_id = "replay_delivery", params(("delivery" = String, Path)), responses((status = 201, body = Triggered), (status = 202, body = Triggered)))]
pub(in crate::http) async fn replay(
    State(server): State<Arc<Server>>,
    found: Found<Delivery, Developer>,
) -> Result<(StatusCode, Json<Triggered>), ApiError> {
    let before = found.document;
    match (&before.state, &before.payload) {
        (DeliveryState::Waiting, _) => return Err(ApiError::Conflict("it is still to be handled: wait for it".into())),
        (_, Payload::Approved { .. }) => {
            let message = "an approval is given anew, for the newest commit: circle approve";
            return Err(ApiError::Conflict(message.into()));
        }
        _ => {}
    }
    let (again, now) = (DeliveryId::from_uuid(Uuid::now_v7()), now_ms());
    let delivery = Delivery {
        id: again,
        delivery_id: format!("replay:{again}"),
        state: DeliveryState::Waiting,
        received_at: now,
        tries: 0,
        next_try_at: now,
        ..before
    };
    let accepted = store(&server, delivery).await?;
    triggered(&server, accepted.delivery).await
}

async fn parts(server: &Server, payload: &Payload) -> Result<(BTreeMap<String, String>, String), ApiError> {
    let wish = |value: serde_json::Value| (BTreeMap::new(), value.to_string());
    Ok(match payload {
        Payload::Git { body, headers } => (headers.clone(), body.clone()),
        Payload::Forge { headers, body, .. } => {
            let text = server.kept_text(body).await?;
            let text = text.unwrap_or_else(|| "(the body is damaged, or older than what is kept)".to_owned());
            (headers.clone(), text)
        }
        Payload::Polled { found, .. } => wish(serde_json::to_value(found).unwrap_or_default()),
        Payload::Manual(manual) => wish(serde_json::to_value(manual).unwrap_or_default()),
        Payload::Schedule(due) => wish(serde_json::to_value(due).unwrap_or_default()),
        Payload::Approved { run, by, .. } => wish(serde_json::json!({ "run": run, "by": by })),
    })
}

/// Every secret of the workspace, Circle's own too: a repository's name or a commit's message can hold any of them.
async fn secrets(server: &Server, workspace: WorkspaceId) -> Result<Vec<SecretString>, ApiError> {
    let query = Query::over(kinds::SECRET_NAME).equal(workspace.to_string()).limit(500);
    let mut pages = FindAll::new(server.records.store().as_ref(), query);
    let mut values = Vec::new();
    while let Some(heads) = pages.next().await? {
        for head in heads {
            if values.len() >= SECRETS_MASKED {
                return Err(ApiError::Conflict(
                    "the workspace has more secrets than can be masked here".into(),
                ));
            }
            if let Ok(id) = head.id.parse() {
                values.extend(server.open_secret_by_id(id).await?);
            }
        }
    }
    Ok(values)
}
