//! One's own accounts at identity providers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::people::IdentityView;
use circle_api::routes;
use circle_core::ids::IdentityId;

use super::accounts::{own, session};
use crate::auth::Caller;
use crate::http::{ApiError, Segments};
use crate::records::UserRecord;
use crate::server::Server;
use crate::time::from_ms;

/// By which one can sign in, oldest first.
#[utoipa::path(get, path = routes::IDENTITIES, tag = "accounts", operation_id = "list_identities", responses((status = 200, body = Vec<IdentityView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    caller: Caller,
) -> Result<Json<Vec<IdentityView>>, ApiError> {
    let user = user(&server, &caller).await?;
    let living = server.living(&user).await?.into_iter();
    let shown = living.map(|(identity, provider)| IdentityView {
        id: identity.id,
        provider: provider.name,
        kind: provider.kind,
        login: identity.login,
        linked_at: from_ms(identity.linked_at),
    });
    Ok(Json(shown.collect()))
}

/// Ends signing in by one; every session ends. The last way to sign in stays. Only somebody with a session may.
#[utoipa::path(delete, path = routes::IDENTITY, tag = "accounts", operation_id = "unlink_identity", params(("identity" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn unlink(
    State(server): State<Arc<Server>>,
    caller: Caller,
    Segments(id): Segments<IdentityId>,
) -> Result<StatusCode, ApiError> {
    session(&server, &caller).await?;
    let user = user(&server, &caller).await?;
    server.unlink_identity(&user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn user(server: &Server, caller: &Caller) -> Result<UserRecord, ApiError> {
    let found = server.records.load::<UserRecord>(&own(caller)?.to_string()).await?;
    found.map(|(user, _)| user).ok_or(ApiError::BadCredential)
}
