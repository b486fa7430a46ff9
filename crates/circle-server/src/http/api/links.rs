//! One-time links: the first administrator, invitations, new passwords.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use circle_api::resources::people::{AccountView, LinkRedeem};
use circle_api::routes;
use circle_api::worker::SecretValue;
use circle_core::ids::UserId;
use circle_core::members::Limit;
use circle_core::names::Slug;
use circle_store::records::{RecordError, StoreError, Version};
use uuid::Uuid;

use super::accounts::{check, set_password, view};
use crate::auth::{Caller, refuse_foreign, token_of_value};
use crate::http::audit::note;
use crate::http::{ApiError, Body};
use crate::records::{TokenKind, TokenRecord, UserRecord, WorkspaceRecord};
use crate::server::Server;
use crate::time::{now, now_ms};

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
    let user = match (link.kind, link.limit, link.owner) {
        (TokenKind::Welcome, ..) => {
            let user = stranger(&server, wish).await?;
            consume(&server, &link, version, Some(&user)).await?;
            make_administrator(&server, user.id).await?
        }
        (TokenKind::Reset, _, Some(owner)) => {
            let password = wish
                .password
                .ok_or_else(|| ApiError::field("password", "give a password"))?;
            check(&password, "password")?;
            consume(&server, &link, version, None).await?;
            set_password(&server, owner, password).await?;
            known(&server, owner).await?
        }
        (TokenKind::Invitation, Some(limit), _) => {
            let signed_in = caller.ok().and_then(|caller| caller.user());
            let (user, new) = match signed_in {
                Some(user) => (known(&server, user).await?, false),
                None => (stranger(&server, wish).await?, true),
            };
            consume(&server, &link, version, new.then_some(&user)).await?;
            join(&server, limit, user.id).await?;
            user
        }
        _ => return Err(ApiError::DeadLink),
    };
    note(&server, (user.name.as_str(), Some(user.id)), "redeem_link", 200).await?;
    Ok(Json(view(&user)))
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
    insert(server, name, password).await
}

async fn insert(server: &Server, name: Slug, password: SecretValue) -> Result<UserRecord, ApiError> {
    let user = UserRecord {
        id: UserId::from_uuid(Uuid::now_v7()),
        name,
        password: server.passwords.keep(password).await?,
        administrator: false,
        created_at: now_ms(),
    };
    server.records.insert(&user).await?;
    Ok(user)
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
    if let Some(user) = made
        && let Some((_, version)) = server.records.load::<UserRecord>(&user.id.to_string()).await?
    {
        server
            .records
            .delete::<UserRecord>(&user.id.to_string(), version)
            .await?;
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
