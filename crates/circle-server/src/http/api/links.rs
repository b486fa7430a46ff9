//! One-time links: the first administrator, invitations, new passwords.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use circle_api::resources::people::{AccountView, LinkRedeem};
use circle_api::routes;
use circle_core::ids::UserId;
use circle_core::members::Limit;
use circle_store::records::{RecordError, StoreError, Version};

use super::accounts::{check, set_password, view};
use crate::auth::{Caller, refuse_foreign, token_of_value};
use crate::http::audit::note;
use crate::http::{ApiError, Body};
use crate::records::{TokenKind, TokenRecord, UserRecord, WorkspaceRecord};
use crate::server::Server;
use crate::time::now;

/// Uses a link up: makes an account, or sets a password, or lets somebody who is signed in into a workspace.
#[utoipa::path(post, path = routes::LINKS, tag = "accounts", operation_id = "redeem_link", request_body = LinkRedeem, responses((status = 200, body = AccountView), (status = 401, body = circle_api::resources::Problem)), security(()))]
pub(in crate::http) async fn redeem(
    State(server): State<Arc<Server>>,
    caller: Result<Caller, ApiError>,
    headers: HeaderMap,
    Body(wish): Body<LinkRedeem>,
) -> Result<Json<AccountView>, ApiError> {
    refuse_foreign(&server, &headers)?;
    let found = token_of_value(&server, wish.link.expose()).await?;
    let (link, version) = found.ok_or(ApiError::DeadLink)?;
    let user = match (link.kind, link.owner) {
        (TokenKind::Reset, Some(owner)) => {
            let password = wish
                .password
                .ok_or_else(|| ApiError::field("password", "give a password"))?;
            check(&password, "password")?;
            consume(&server, &link, version, None).await?;
            set_password(&server, owner, password).await?;
            known(&server, owner).await?
        }
        _ if !lets_in(&link) => return Err(ApiError::DeadLink),
        _ => {
            let signed_in = caller.ok().and_then(|caller| caller.user());
            match signed_in.filter(|_| link.kind == TokenKind::Invitation) {
                Some(user) => let_in(&server, (&link, version), known(&server, user).await?, false).await?,
                None => let_in(&server, (&link, version), stranger(&server, wish).await?, true).await?,
            }
        }
    };
    note(&server, (user.name.as_str(), Some(user.id)), "redeem_link", 200).await?;
    Ok(Json(view(&user)))
}

/// Whether a link is for somebody who comes: an invitation, or the first administrator's.
pub(super) fn lets_in(link: &TokenRecord) -> bool {
    match link.kind {
        TokenKind::Welcome => true,
        TokenKind::Invitation => link.limit.is_some(),
        _ => false,
    }
}

/// Uses a link up for somebody, whose account is taken back when it was made for that and another was faster.
pub(super) async fn let_in(
    server: &Server,
    (link, version): (&TokenRecord, Version),
    user: UserRecord,
    made: bool,
) -> Result<UserRecord, ApiError> {
    consume(server, link, version, made.then_some(&user)).await?;
    match (link.kind, link.limit) {
        (TokenKind::Welcome, _) => make_administrator(server, user.id).await,
        (TokenKind::Invitation, Some(limit)) => join(server, limit, user.id).await.map(|()| user),
        _ => Err(ApiError::DeadLink),
    }
}

/// A new account that may nothing yet: rights come when the link is used up.
async fn stranger(server: &Server, wish: LinkRedeem) -> Result<UserRecord, ApiError> {
    let name = wish
        .name
        .ok_or_else(|| ApiError::field("name", "give a name for the account"))?;
    let password = wish
        .password
        .ok_or_else(|| ApiError::field("password", "give a password"))?;
    check(&password, "password")?;
    let password = server.passwords.keep(password).await?;
    server.create_user(name, Some(password), None).await
}

/// Of many who try, one succeeds; the account of another is taken back.
async fn consume(
    server: &Server,
    link: &TokenRecord,
    version: Version,
    made: Option<&UserRecord>,
) -> Result<(), ApiError> {
    let used = server
        .records
        .delete::<TokenRecord>(&link.id.to_string(), version)
        .await;
    let Err(error) = used else { return Ok(()) };
    if let Some(user) = made {
        server.remove_user(user.id).await?;
    }
    match error {
        RecordError::Store(StoreError::Stale { .. }) => Err(ApiError::DeadLink),
        other => Err(other.into()),
    }
}

async fn make_administrator(server: &Server, user: UserId) -> Result<UserRecord, ApiError> {
    let set = |record: &mut UserRecord| {
        record.administrator = true;
        Ok::<(), ApiError>(())
    };
    Ok(server.records.update(&user.to_string(), set).await?.record)
}

async fn join(server: &Server, limit: Limit, user: UserId) -> Result<(), ApiError> {
    let workspace = limit.workspace.ok_or(ApiError::DeadLink)?;
    let add = |WorkspaceRecord(workspace): &mut WorkspaceRecord| {
        // Whoever is in already keeps the greater role.
        let role = workspace.role_of(user).map_or(limit.role, |has| has.max(limit.role));
        let added = workspace.set_member(user, role, now());
        added.map_err(|error| ApiError::Conflict(error.to_string()))
    };
    server.records.update(&workspace.to_string(), add).await?;
    Ok(())
}

async fn known(server: &Server, user: UserId) -> Result<UserRecord, ApiError> {
    let found = server.records.load::<UserRecord>(&user.to_string()).await?;
    found.map(|(user, _)| user).ok_or(ApiError::DeadLink)
}
