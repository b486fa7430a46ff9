//! Signing in and out, and one's own password.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use circle_api::resources::people::{AccountView, PasswordChange, SignIn, SignedIn};
use circle_api::routes;
use circle_api::worker::SecretValue;
use circle_core::ids::UserId;
use circle_store::records::{Query, kinds};

use super::tokens::make;
use super::validate::Faults;
use crate::auth::{Caller, PASSWORD_BYTES, begin_session, end_all, forget_cookie, refuse_foreign};
use crate::http::audit::note;
use crate::http::{ApiError, Body, Peer};
use crate::records::{TokenKind, TokenRecord, UserRecord};
use crate::server::Server;

/// Longest name and password that are looked at, in bytes.
const MAX_BYTES: usize = 256;

/// Signs in with name and password. Wrong ones are counted for the account and for the address.
#[utoipa::path(post, path = routes::SESSION, tag = "accounts", operation_id = "sign_in", request_body = SignIn, responses((status = 200, body = SignedIn), (status = 401, body = circle_api::resources::Problem)), security(()))]
pub(in crate::http) async fn sign_in(
    State(server): State<Arc<Server>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Body(wish): Body<SignIn>,
) -> Result<Response, ApiError> {
    refuse_foreign(&server, &headers)?;
    let user = proven(
        &server,
        peer.map(|Extension(Peer(address))| address),
        &wish.name,
        wish.password,
    )
    .await;
    let user = match user {
        Ok(user) => user,
        Err(error) => {
            if matches!(error, ApiError::WrongPassword) {
                note(&server, (&wish.name, None), "sign_in", 401).await?;
            }
            return Err(error);
        }
    };
    note(&server, (user.name.as_str(), Some(user.id)), "sign_in", 200).await?;
    let account = view(&user);
    if let Some(token) = wish.token {
        let token = Some(make(&server, Caller::of_user(&user), token).await?);
        return Ok(Json(SignedIn { account, token }).into_response());
    }
    let cookie = begin_session(&server, &user).await?;
    Ok(([(SET_COOKIE, cookie)], Json(SignedIn { account, token: None })).into_response())
}

/// The account whose password it is.
async fn proven(
    server: &Server,
    address: Option<IpAddr>,
    name: &str,
    password: SecretValue,
) -> Result<UserRecord, ApiError> {
    if name.len() > MAX_BYTES || password.expose().len() > MAX_BYTES {
        return Err(ApiError::WrongPassword);
    }
    server.tries.begin(name, address)?;
    let found = server
        .records
        .load_by::<UserRecord>(Query::over(kinds::USER_NAME).equal(name))
        .await?;
    let user = found.map(|(user, _)| user);
    let stored = user.as_ref().and_then(|user| user.password.clone());
    let right = server.passwords.is(password, stored).await?;
    let user = user.filter(|_| right).ok_or(ApiError::WrongPassword)?;
    server.tries.succeeded(name, address);
    Ok(user)
}

/// Who asks.
#[utoipa::path(get, path = routes::ACCOUNT, tag = "accounts", operation_id = "show_account", responses((status = 200, body = AccountView)))]
pub(in crate::http) async fn show(caller: Caller) -> Json<AccountView> {
    Json(AccountView {
        user: caller.user(),
        administrator: caller.is_instance(),
        name: caller.name,
    })
}

/// Ends this session.
#[utoipa::path(delete, path = routes::SESSION, tag = "accounts", operation_id = "sign_out", responses((status = 204)))]
pub(in crate::http) async fn sign_out(State(server): State<Arc<Server>>, caller: Caller) -> Result<Response, ApiError> {
    let id = caller.credential().to_string();
    let found = server.records.load::<TokenRecord>(&id).await?;
    let session = found.filter(|(token, _)| token.kind == TokenKind::Session);
    let (_, version) = session.ok_or_else(|| ApiError::Conflict("a token is no session: revoke it".into()))?;
    server.records.delete::<TokenRecord>(&id, version).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, forget_cookie(&server)?)]).into_response())
}

/// Ends every session of one's own, this one too.
#[utoipa::path(delete, path = routes::SESSIONS, tag = "accounts", operation_id = "sign_out_everywhere", responses((status = 204)))]
pub(in crate::http) async fn sign_out_everywhere(
    State(server): State<Arc<Server>>,
    caller: Caller,
) -> Result<Response, ApiError> {
    end_all(&server, own(&caller)?, false).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, forget_cookie(&server)?)]).into_response())
}

/// Sets another password, or the first one; every session ends.
#[utoipa::path(put, path = routes::ACCOUNT_PASSWORD, tag = "accounts", operation_id = "change_password", request_body = PasswordChange, responses((status = 204)))]
pub(in crate::http) async fn change_password(
    State(server): State<Arc<Server>>,
    caller: Caller,
    peer: Option<Extension<Peer>>,
    Body(wish): Body<PasswordChange>,
) -> Result<Response, ApiError> {
    let user = own(&caller)?;
    if !caller.is_unlimited() {
        return Err(ApiError::LimitedToken);
    }
    check(&wish.new, "new")?;
    let address = peer.map(|Extension(Peer(address))| address);
    match wish.current {
        Some(current) => drop(proven(&server, address, &caller.name, current).await?),
        None => may_begin(&server, &caller, user).await?,
    }
    set_password(&server, user, wish.new).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, forget_cookie(&server)?)]).into_response())
}

/// A first password needs no other, but a browser: a token that leaks must not become an account.
async fn may_begin(server: &Server, caller: &Caller, user: UserId) -> Result<(), ApiError> {
    let found = server.records.load::<UserRecord>(&user.to_string()).await?;
    if found.is_none_or(|(user, _)| user.password.is_some()) {
        return Err(ApiError::field("current", "give the password that the account has"));
    }
    session(server, caller).await.map(drop)
}

/// The session that somebody came with, for what no token may do.
pub(super) async fn session(server: &Server, caller: &Caller) -> Result<TokenRecord, ApiError> {
    let found = server
        .records
        .load::<TokenRecord>(&caller.credential().to_string())
        .await?;
    let session = found
        .map(|(token, _)| token)
        .filter(|token| token.kind == TokenKind::Session);
    session.ok_or_else(|| ApiError::Conflict("a token cannot do this: sign in with a browser".into()))
}

pub(super) fn own(caller: &Caller) -> Result<UserId, ApiError> {
    let message = "this token belongs to nobody: sign in with an account";
    caller.user().ok_or_else(|| ApiError::Conflict(message.into()))
}

/// Long enough, and not too long to be hashed.
pub(super) fn check(password: &SecretValue, field: &str) -> Result<(), ApiError> {
    let good = PASSWORD_BYTES.contains(&password.expose().len());
    let message = "a password has 10 to 256 bytes";
    Faults::default().unless(good, field, message).done()
}

/// Keeps a new password and ends what was signed in with the old one.
pub(super) async fn set_password(server: &Server, user: UserId, password: SecretValue) -> Result<(), ApiError> {
    let stored = server.passwords.keep(password).await?;
    let set = |record: &mut UserRecord| {
        record.password = Some(stored.clone());
        Ok::<(), ApiError>(())
    };
    server.records.update(&user.to_string(), set).await?;
    end_all(server, user, false).await
}

pub(super) fn view(user: &UserRecord) -> AccountView {
    AccountView {
        name: user.name.to_string(),
        user: Some(user.id),
        administrator: user.administrator,
    }
}
