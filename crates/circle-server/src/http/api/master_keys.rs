//! The master keys: which there are, what is sealed under them, a new one, and the end of an old one.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{MasterKeyView, MasterKeysView};
use circle_api::routes;

use crate::auth::Instance;
use crate::http::{ApiError, Segments};
use crate::reconcile::{pass, tally};
use crate::server::Server;
use crate::vault::VaultError;

/// Every key by its id, oldest first; the last one seals.
#[utoipa::path(get, path = routes::MASTER_KEYS, tag = "server", operation_id = "list_master_keys", responses((status = 200, body = MasterKeysView)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    _: Instance,
) -> Result<Json<MasterKeysView>, ApiError> {
    view(&server).await.map(Json)
}

/// Makes a new key that seals from now on; what is sealed already is sealed anew in the background.
#[utoipa::path(post, path = routes::MASTER_KEYS, tag = "server", operation_id = "rotate_master_key", responses((status = 201, body = MasterKeysView)))]
pub(in crate::http) async fn rotate(
    State(server): State<Arc<Server>>,
    _: Instance,
) -> Result<(StatusCode, Json<MasterKeysView>), ApiError> {
    let vault = Arc::clone(&server.vault);
    let id = blocking(move || vault.rotate()).await?;
    tracing::info!(key = id, "another master key seals");
    Ok((StatusCode::CREATED, Json(view(&server).await?)))
}

/// Ends an old key, when nothing is sealed under it any more.
#[utoipa::path(delete, path = routes::MASTER_KEY, tag = "server", operation_id = "remove_master_key", params(("key" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    _: Instance,
    Segments(id): Segments<String>,
) -> Result<StatusCode, ApiError> {
    if !server.vault.key_ids().contains(&id) {
        return Err(ApiError::not_found("master key", id));
    }
    if id != server.vault.sealing_key()
        && let Some(left) = pass(&server).await?.get(&id)
    {
        let told = format!(
            "{left} values are sealed under the master key {id} and do not open: remove or set them anew first"
        );
        return Err(ApiError::Conflict(told));
    }
    let (vault, key) = (Arc::clone(&server.vault), id.clone());
    blocking(move || vault.forget(&key)).await?;
    tracing::info!(key = id, "a master key is forgotten");
    Ok(StatusCode::NO_CONTENT)
}

async fn view(server: &Server) -> Result<MasterKeysView, ApiError> {
    let tally = tally(&server.records).await?;
    let sealing = server.vault.sealing_key();
    let keys = server.vault.key_ids().into_iter().map(|id| MasterKeyView {
        seals: id == sealing,
        values: tally.get(&id).copied().unwrap_or(0),
        id,
    });
    Ok(MasterKeysView { keys: keys.collect() })
}

/// Files and commands are waited for where nobody else waits.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| ApiError::Internal(error.to_string()))?;
    done.map_err(|error| match error {
        VaultError::SameKey { .. } | VaultError::Sealing { .. } | VaultError::StillPrinted { .. } => {
            ApiError::Conflict(error.to_string())
        }
        other => ApiError::from(other),
    })
}
