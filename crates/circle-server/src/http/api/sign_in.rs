//! Signing in by an identity provider, in two requests of one browser: where to go, and what it came back with.
//!
//! The provider sends people back to a page of this server, and that page asks here, with the cookie that the beginning set. Whoever
//! is lured to that page with somebody else's code has no such cookie, and is signed in as nobody.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::{Extension, Json};
use circle_api::resources::people::{
    IdentityBegin, IdentityBegun, IdentityFinish, IdentityFinished, SignInWay, SignInWays,
};
use circle_api::routes;
use circle_api::worker::SecretValue;
use circle_core::ids::TokenId;
use circle_core::names::Slug;
use circle_store::records::{Query, Version, kinds};

use super::accounts::{own, session, view};
use super::links::{let_in, lets_in};
use crate::auth::{Caller, begin_session, is_foreign_to, refuse_foreign, token_of_value};
use crate::http::audit::note;
use crate::http::{ApiError, Body, Peer, Segments};
use crate::identity::{Flow, Person, Proof, SignInError, Wish};
use crate::records::{IdentityProviderRecord, TokenRecord, UserRecord};
use crate::server::Server;

/// Buttons of the page.
const WAYS: usize = 50;
/// Longest path that is gone back to, in bytes.
const TO_BYTES: usize = 512;
/// Longest state and code that are looked at, in bytes.
const STATE_BYTES: usize = 256;
const CODE_BYTES: usize = 4_096;
/// In the audit and in the description.
const FINISH: &str = "finish_sign_in";

/// How somebody can sign in beside name and password.
#[utoipa::path(get, path = routes::SIGN_IN_WAYS, tag = "accounts", operation_id = "list_sign_in_ways", responses((status = 200, body = SignInWays)), security(()))]
pub(in crate::http) async fn ways(State(server): State<Arc<Server>>) -> Result<Json<SignInWays>, ApiError> {
    let query = Query::over(kinds::IDENTITY_PROVIDER_NAME).limit(WAYS);
    let found = server.records.find(query).await?;
    let all = server.records.load_page::<IdentityProviderRecord>(&found).await?;
    let providers = all.into_iter().map(|(provider, _)| SignInWay {
        kind: provider.kind,
        name: provider.name,
    });
    Ok(Json(SignInWays {
        providers: providers.collect(),
    }))
}

/// Where to go to sign in, to use a link up, or to link an identity to one's account.
#[utoipa::path(post, path = routes::SIGN_IN_WAY, tag = "accounts", operation_id = "begin_sign_in", params(("provider" = String, Path)), request_body = IdentityBegin, responses((status = 200, body = IdentityBegun)), security(()))]
pub(in crate::http) async fn begin(
    State(server): State<Arc<Server>>,
    caller: Result<Caller, ApiError>,
    Segments(name): Segments<String>,
    headers: HeaderMap,
    Body(wish): Body<IdentityBegin>,
) -> Result<Response, ApiError> {
    refuse_foreign(&server, &headers)?;
    // The provider sends people back to the configured address only, and a cookie of another one stays behind.
    if is_foreign_to(&headers, &server.config.url) {
        let message = format!("open Circle at {} to sign in this way", server.config.url);
        return Err(ApiError::Conflict(message));
    }
    let (provider, _) = server.identity_provider(&name).await?;
    let wish = match wish {
        IdentityBegin::SignIn { to } => Wish::SignIn {
            to: own_path(to.as_deref())?,
        },
        IdentityBegin::Join { link, name } => {
            joining(&server, &link, &name).await?;
            Wish::Join { link, name }
        }
        IdentityBegin::Link {} => {
            let caller = caller?;
            own(&caller)?;
            Wish::Link {
                session: session(&server, &caller).await?.id,
            }
        }
    };
    let (flow, state) = Flow::begin(provider.id, wish);
    let authorize_url = server.authorize_url(&provider, (state.expose(), &flow)).await?;
    let cookies = flow.keep(&server, &headers, &state)?;
    let cookies = AppendHeaders(cookies.into_iter().map(set_cookie));
    Ok((cookies, Json(IdentityBegun { authorize_url })).into_response())
}

/// Signs in with what the identity provider sent somebody back with; it works once.
#[utoipa::path(put, path = routes::SIGN_IN_WAY, tag = "accounts", operation_id = "finish_sign_in", params(("provider" = String, Path)), request_body = IdentityFinish, responses((status = 200, body = IdentityFinished)), security(()))]
pub(in crate::http) async fn finish(
    State(server): State<Arc<Server>>,
    caller: Result<Caller, ApiError>,
    peer: Option<Extension<Peer>>,
    Segments(name): Segments<String>,
    headers: HeaderMap,
    Body(wish): Body<IdentityFinish>,
) -> Result<Response, ApiError> {
    refuse_foreign(&server, &headers)?;
    let address: Option<IpAddr> = peer.map(|Extension(Peer(address))| address);
    server.tries.begin_from(address)?;
    let (provider, _) = server.identity_provider(&name).await?;
    let outcome = Box::pin(finished(&server, caller, &provider, &headers, &wish)).await;
    let (user, to, is_new_session) = match outcome {
        Ok(done) => done,
        Err(error) => {
            tracing::info!(%error, provider = name, "a sign-in by an identity came to nothing");
            note(&server, (&format!("somebody of {name}"), None), FINISH, 401).await?;
            return Err(error);
        }
    };
    server.tries.succeeded_from(address);
    let mut cookies = vec![Flow::forget(&server, &wish.state)?];
    if is_new_session {
        note(&server, (user.name.as_str(), Some(user.id)), FINISH, 200).await?;
        cookies.push(begin_session(&server, &user).await?);
    }
    let account = view(&user);
    let cookies = AppendHeaders(cookies.into_iter().map(set_cookie));
    Ok((cookies, Json(IdentityFinished { account, to })).into_response())
}

fn set_cookie(value: HeaderValue) -> (HeaderName, HeaderValue) {
    (SET_COOKIE, value)
}

/// Whose session it becomes, where they wanted to be, and whether it is a new one.
async fn finished(
    server: &Server,
    caller: Result<Caller, ApiError>,
    provider: &IdentityProviderRecord,
    headers: &HeaderMap,
    wish: &IdentityFinish,
) -> Result<(UserRecord, String, bool), ApiError> {
    if wish.state.expose().len() > STATE_BYTES {
        return Err(SignInError::Flow.into());
    }
    let flow = Flow::take(server, headers, (&wish.state, provider.id))?;
    let code = wish.code.as_ref().filter(|code| code.expose().len() <= CODE_BYTES);
    let code = code.ok_or_else(|| SignInError::denied(provider, wish.error.as_deref().unwrap_or("it gave no code")))?;
    if let Wish::Link { session } = &flow.wish {
        check_same(&caller, *session)?;
    }
    let proof = Proof {
        flow: &flow,
        code,
        issuer: wish.iss.as_deref(),
        redirect: &server.sign_in_back_url(provider),
    };
    let person = server.identify(provider, &proof).await?;
    match &flow.wish {
        Wish::SignIn { to } => {
            let user = match server.user_of(provider, &person.subject).await? {
                Some(user) => user,
                None => server.account_for(provider, &person).await?,
            };
            Ok((user, to.clone(), true))
        }
        Wish::Join { link, name } => {
            let user = joined(server, (link, name), provider, &person).await?;
            Ok((user, "/".into(), true))
        }
        Wish::Link { session } => {
            let user = check_same(&caller, *session)?;
            let user = server.link_identity(own(user)?, provider, &person).await?;
            Ok((user, routes::ACCOUNT_PAGE.into(), false))
        }
    }
}

/// Whoever links must still be who began it, in the same session: nobody's identity ends in another's account.
fn check_same(caller: &Result<Caller, ApiError>, session: TokenId) -> Result<&Caller, ApiError> {
    match caller {
        Ok(caller) if caller.credential() == session => Ok(caller),
        _ => Err(SignInError::Flow.into()),
    }
}

/// Uses a link up: for the account that the identity opens already, or for a new one.
async fn joined(
    server: &Server,
    (link, name): (&SecretValue, &Slug),
    provider: &IdentityProviderRecord,
    person: &Person,
) -> Result<UserRecord, ApiError> {
    let (link, version) = joining(server, link, name).await?;
    let (user, made) = match server.user_of(provider, &person.subject).await? {
        Some(user) => (user, false),
        None => {
            let by = Some((provider, person));
            (server.create_user(name.clone(), None, by).await?, true)
        }
    };
    let_in(server, (&link, version), user, made).await
}

/// The link of somebody who is about to join. A name that is taken is told before they go, to whoever has a link.
async fn joining(server: &Server, link: &SecretValue, name: &Slug) -> Result<(TokenRecord, Version), ApiError> {
    let found = token_of_value(server, link.expose()).await?;
    let found = found.filter(|(link, _)| lets_in(link)).ok_or(ApiError::DeadLink)?;
    let taken = Query::over(kinds::USER_NAME).equal(name.as_str());
    if server.records.count(taken).await? > 0 {
        return Err(ApiError::field(
            "name",
            "there is an account of this name: choose another",
        ));
    }
    Ok(found)
}

/// A page of this server (security 45): what a browser could take for another host is refused, also when it is written otherwise.
fn own_path(to: Option<&str>) -> Result<String, ApiError> {
    let to = to.unwrap_or("/");
    let rest = to.strip_prefix('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~?&=#".contains(&byte);
    let own = rest.is_some_and(|rest| !rest.starts_with('/') && !to.contains("//") && to.bytes().all(plain));
    if own && to.len() <= TO_BYTES {
        Ok(to.to_owned())
    } else {
        Err(ApiError::field(
            "to",
            "a page is a plain path of this server, such as /runs",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn sec_45_only_a_page_of_this_server_is_gone_back_to() {
        let of = |to| own_path(Some(to)).ok();
        for good in ["/", "/runs/run_1#L12", "/services?a=b"] {
            assert_eq!(of(good).as_deref(), Some(good));
        }
        for bad in [
            "//evil.example",
            "/\\evil.example",
            "/%2f%2fevil.example",
            "/%5cevil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "evil",
            "",
            "/a//b",
            "/\t/evil.example",
            "/\u{2215}evil",
            " /",
        ] {
            assert_eq!(of(bad), None, "{bad:?}");
        }
        assert_eq!(of(&format!("/{}", "a".repeat(512))), None);
        assert_eq!(own_path(None).ok().as_deref(), Some("/"));
    }
}
