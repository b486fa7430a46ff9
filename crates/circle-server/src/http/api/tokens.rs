//! Administrators' tokens.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::{Page, PageQuery, TokenCreate, TokenCreated, TokenView};
use circle_api::routes;
use circle_core::ids::TokenId;
use circle_store::records::{Query, kinds};

use super::page::page;
use super::validate::Faults;
use crate::auth::{Administrator, mint};
use crate::http::{ApiError, Body, Params, Segments};
use crate::records::{TokenKind, TokenRecord};
use crate::server::Server;
use crate::time::{from_ms, now_ms};

/// Longest validity: ten years, in seconds.
const MAX_VALID_S: u64 = 10 * 366 * 86_400;

/// Oldest first.
#[utoipa::path(get, path = routes::TOKENS, tag = "tokens", operation_id = "list_tokens", params(PageQuery), responses((status = 200, body = Page<TokenView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    _: Administrator,
    Params(query): Params<PageQuery>,
) -> Result<Json<Page<TokenView>>, ApiError> {
    Ok(Json(
        page(&server, administrators(), &query, |token| view(&token)).await?,
    ))
}

/// Makes one; its value is shown this once.
#[utoipa::path(post, path = routes::TOKENS, tag = "tokens", operation_id = "create_token", request_body = TokenCreate, responses((status = 201, body = TokenCreated)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    _: Administrator,
    Body(wish): Body<TokenCreate>,
) -> Result<(StatusCode, Json<TokenCreated>), ApiError> {
    Faults::default()
        .text(Some(&wish.name), 100, "name")
        .within(wish.valid_s, (60, MAX_VALID_S), "valid_s")
        .done()?;
    let minted = mint(TokenKind::Administrator.prefix());
    let now = now_ms();
    let mut record = minted.record(TokenKind::Administrator, wish.name, now);
    record.expires_at = wish
        .valid_s
        .and_then(|seconds| now.checked_add(i64::try_from(seconds).ok()?.checked_mul(1000)?));
    server.records.insert(&record).await?;
    Ok((
        StatusCode::CREATED,
        Json(TokenCreated {
            token: view(&record),
            value: minted.value,
        }),
    ))
}

/// Ends one at once.
#[utoipa::path(delete, path = routes::TOKEN, tag = "tokens", operation_id = "revoke_token", params(("token" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn revoke(
    State(server): State<Arc<Server>>,
    _: Administrator,
    Segments(id): Segments<TokenId>,
) -> Result<StatusCode, ApiError> {
    let found = server.records.load::<TokenRecord>(&id.to_string()).await?;
    let found = found.filter(|(token, _)| token.kind == TokenKind::Administrator);
    let (_, version) = found.ok_or_else(|| ApiError::not_found("token", id))?;
    if server.records.count(administrators()).await? <= 1 {
        return Err(ApiError::Conflict(
            "this is the last administrator's token: make another first".into(),
        ));
    }
    server.records.delete::<TokenRecord>(&id.to_string(), version).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn administrators() -> Query {
    Query::over(kinds::TOKEN_KIND).equal(TokenKind::Administrator.word())
}

fn view(token: &TokenRecord) -> TokenView {
    TokenView {
        id: token.id,
        name: token.name.clone(),
        expires_at: token.expires_at.map(from_ms),
        used_at: token.used_at.map(from_ms),
        created_at: from_ms(token.created_at),
    }
}
