//! Accounts, as administrators of the server manage them.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::people::{LinkCreated, UserChange, UserView};
use circle_api::resources::{Page, PageQuery};
use circle_api::routes;
use circle_core::ids::UserId;
use circle_store::records::{Query, kinds};

use super::page::page;
use crate::auth::{Instance, end_all, mint};
use crate::http::{ApiError, Body, Params, Segments};
use crate::records::{TokenKind, UserRecord};
use crate::server::Server;
use crate::time::{from_ms, now_ms};

/// A link for a new password works for a day, in milliseconds.
const RESET_MS: i64 = 86_400_000;

/// By name.
#[utoipa::path(get, path = routes::USERS, tag = "accounts", operation_id = "list_users", params(PageQuery), responses((status = 200, body = Page<UserView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    _: Instance,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<UserView>>, ApiError> {
    Ok(Json(page(&server, Query::over(kinds::USER_NAME), &query, view).await?))
}

/// Makes somebody an administrator of the server, or no longer; their sessions end.
#[utoipa::path(patch, path = routes::USER, tag = "accounts", operation_id = "change_user", params(("user" = String, Path)), request_body = UserChange, responses((status = 200, body = UserView)))]
pub(in crate::http) async fn change(
    State(server): State<Arc<Server>>,
    _: Instance,
    Segments(id): Segments<UserId>,
    Body(wish): Body<UserChange>,
) -> Result<Json<UserView>, ApiError> {
    let set = |record: &mut UserRecord| {
        record.administrator = wish.administrator;
        Ok::<(), ApiError>(())
    };
    let updated = server.records.update(&id.to_string(), set).await?;
    end_all(&server, id, false).await?;
    Ok(Json(view(updated.record)))
}

/// Removes an account with its sessions and tokens.
#[utoipa::path(delete, path = routes::USER, tag = "accounts", operation_id = "remove_user", params(("user" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    _: Instance,
    Segments(id): Segments<UserId>,
) -> Result<StatusCode, ApiError> {
    let found = server.records.load::<UserRecord>(&id.to_string()).await?;
    let (user, version) = found.ok_or_else(|| ApiError::not_found("user", id))?;
    // Without the account no credential of it opens anything; memberships name nobody any more.
    server.records.delete::<UserRecord>(&id.to_string(), version).await?;
    server.forget_identities(&user).await?;
    end_all(&server, id, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A link by which somebody sets a new password, once. It is shown this once.
#[utoipa::path(post, path = routes::USER_RESET, tag = "accounts", operation_id = "reset_password", params(("user" = String, Path)), responses((status = 201, body = LinkCreated)))]
pub(in crate::http) async fn reset(
    State(server): State<Arc<Server>>,
    _: Instance,
    Segments(id): Segments<UserId>,
) -> Result<(StatusCode, Json<LinkCreated>), ApiError> {
    let found = server.records.load::<UserRecord>(&id.to_string()).await?;
    let (user, _) = found.ok_or_else(|| ApiError::not_found("user", id))?;
    let (minted, now) = (mint(TokenKind::Reset.prefix()), now_ms());
    let mut record = minted.record(TokenKind::Reset, user.name.as_str(), now);
    (record.owner, record.expires_at) = (Some(id), Some(now + RESET_MS));
    server.records.insert(&record).await?;
    Ok((
        StatusCode::CREATED,
        Json(LinkCreated {
            id: record.id,
            link: server.link_url(&minted.value),
            expires_at: from_ms(now + RESET_MS),
        }),
    ))
}

fn view(user: UserRecord) -> UserView {
    UserView {
        id: user.id,
        name: user.name,
        administrator: user.administrator,
        created_at: from_ms(user.created_at),
    }
}
