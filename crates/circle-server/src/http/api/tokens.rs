//! Tokens of the API: one's own, and the server's.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{Page, PageQuery, TokenCreate, TokenCreated, TokenView};
use circle_api::routes;
use circle_core::ids::TokenId;
use circle_core::members::{Limit, Role};
use circle_store::records::{Query, kinds};

use super::page::page;
use super::validate::Faults;
use crate::auth::{Caller, Unlimited, Viewer, Within, mint};
use crate::http::{ApiError, Body, Params, Segments};
use crate::records::{TokenKind, TokenRecord};
use crate::server::Server;
use crate::time::{from_ms, now_ms};

/// Longest validity: ten years, in seconds.
const MAX_VALID_S: u64 = 10 * 366 * 86_400;

/// One's own, oldest first; for the server's own tokens, those.
#[utoipa::path(get, path = routes::TOKENS, tag = "tokens", operation_id = "list_tokens", params(PageQuery), responses((status = 200, body = Page<TokenView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    Unlimited(caller): Unlimited,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<TokenView>>, ApiError> {
    Ok(Json(page(&server, own(&caller), &query, |token| view(&token)).await?))
}

/// Makes one; its value is shown this once.
#[utoipa::path(post, path = routes::TOKENS, tag = "tokens", operation_id = "create_token", request_body = TokenCreate, responses((status = 201, body = TokenCreated)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    Unlimited(caller): Unlimited,
    Body(wish): Body<TokenCreate>,
) -> Result<(StatusCode, Json<TokenCreated>), ApiError> {
    Ok((StatusCode::CREATED, Json(make(&server, caller, wish).await?)))
}

/// A token that opens what its maker may, or less.
pub(super) async fn make(server: &Server, caller: Caller, wish: TokenCreate) -> Result<TokenCreated, ApiError> {
    Faults::default()
        .text(Some(&wish.name), 100, "name")
        .within(wish.valid_s, (60, MAX_VALID_S), "valid_s")
        .done()?;
    let owner = caller.user();
    let limit = limit(server, caller, &wish).await?;
    let (kind, prefix) = match (owner, limit) {
        (Some(_), _) => (TokenKind::Personal, TokenKind::Personal.prefix()),
        (None, Some(_)) => (TokenKind::Administrator, TokenKind::Personal.prefix()),
        (None, None) => (TokenKind::Administrator, TokenKind::Administrator.prefix()),
    };
    let (minted, now) = (mint(prefix), now_ms());
    let mut record = minted.record(kind, wish.name, now);
    record.expires_at = wish
        .valid_s
        .and_then(|seconds| now.checked_add(i64::try_from(seconds).ok()?.checked_mul(1000)?));
    (record.owner, record.limit) = (owner, limit);
    server.records.insert(&record).await?;
    Ok(TokenCreated {
        token: view(&record),
        value: minted.value,
    })
}

/// Ends one of one's own at once; administrators of the server end anybody's.
#[utoipa::path(delete, path = routes::TOKEN, tag = "tokens", operation_id = "revoke_token", params(("token" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn revoke(
    State(server): State<Arc<Server>>,
    Unlimited(caller): Unlimited,
    Segments(id): Segments<TokenId>,
) -> Result<StatusCode, ApiError> {
    let found = server.records.load::<TokenRecord>(&id.to_string()).await?;
    let may = |token: &TokenRecord| match token.kind {
        TokenKind::Administrator => caller.is_instance(),
        TokenKind::Personal => caller.is_instance() || token.owner == caller.user(),
        _ => false,
    };
    let found = found.filter(|(token, _)| may(token));
    let (token, version) = found.ok_or_else(|| ApiError::not_found("token", id))?;
    let opens_all = |token: &TokenRecord| token.id != id && token.limit.is_none() && token.is_valid(now_ms());
    let is_last = token.kind == TokenKind::Administrator
        && server.records.first_that(administrators(), opens_all).await?.is_none();
    if is_last {
        return Err(ApiError::Conflict(
            "no other token opens the whole server: make one first".into(),
        ));
    }
    server.records.delete::<TokenRecord>(&id.to_string(), version).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn own(caller: &Caller) -> Query {
    match caller.user() {
        Some(user) => Query::over(kinds::TOKEN_OWNER)
            .equal(user.to_string())
            .equal(TokenKind::Personal.word()),
        None => administrators(),
    }
}

/// What the wish leaves of its maker's rights.
async fn limit(server: &Server, caller: Caller, wish: &TokenCreate) -> Result<Option<Limit>, ApiError> {
    let workspace = match &wish.workspace {
        Some(name) => {
            let within: Within<Viewer> = caller.enter(server, name).await?;
            Some(within.tenant.id())
        }
        None => None,
    };
    let role = wish.scope.map(Role::from);
    let limited = workspace.is_some() || role.is_some();
    Ok(limited.then(|| Limit {
        workspace,
        role: role.unwrap_or(Role::Admin),
    }))
}

fn administrators() -> Query {
    Query::over(kinds::TOKEN_KIND).equal(TokenKind::Administrator.word())
}

fn view(token: &TokenRecord) -> TokenView {
    TokenView {
        id: token.id,
        name: token.name.clone(),
        scope: token.limit.map(|limit| limit.role.into()),
        workspace: token.limit.and_then(|limit| limit.workspace),
        expires_at: token.expires_at.map(from_ms),
        used_at: token.used_at.map(from_ms),
        created_at: from_ms(token.created_at),
    }
}
