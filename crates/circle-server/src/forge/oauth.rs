//! Tokens by OAuth 2 (RFC 6749, with PKCE of RFC 7636): where a person is sent, a code for tokens, a fresh token for an old one.

use axum::http::header::ACCEPT;
use axum::http::{HeaderValue, Method};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use circle_core::forge::ForgeKind;
use circle_net::{Net, Request};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use url::Url;
use url::form_urlencoded::Serializer;

use super::ForgeError;

/// An application that was registered at a forge.
#[derive(Debug)]
pub(crate) struct App<'a> {
    pub(crate) kind: ForgeKind,
    /// As a browser opens it, without a slash at the end.
    pub(crate) address: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) client_secret: &'a SecretString,
}

/// What a forge gave.
#[derive(Debug, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: SecretString,
    /// Absent where tokens do not end.
    pub(crate) refresh_token: Option<SecretString>,
    /// In seconds; absent where tokens do not end.
    pub(crate) expires_in: Option<i64>,
}

/// GitHub tells of errors with 200.
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Tokens(Tokens),
    Error {
        error: String,
        #[serde(default)]
        error_description: String,
    },
}

/// Where a person lets Circle act for them. `verifier` never leaves the server before the code comes back.
///
/// # Errors
/// [`ForgeError::Refused`] for what is no address.
pub(crate) fn authorize_url(
    (kind, address, client_id): (ForgeKind, &str, &str),
    scope: &str,
    redirect: &str,
    (state, verifier): (&str, &str),
) -> Result<String, ForgeError> {
    let path = match kind {
        ForgeKind::Github | ForgeKind::Gitea => "/login/oauth/authorize",
        ForgeKind::Gitlab => "/oauth/authorize",
    };
    let mut url = Url::parse(&format!("{address}{path}"))
        .map_err(|error| ForgeError::Refused(format!("{address} is no address: {error}")))?;
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect)
        .append_pair("scope", scope)
        .append_pair("state", state)
        .append_pair("code_challenge_method", "S256")
        .append_pair("code_challenge", &challenge(verifier));
    Ok(url.into())
}

/// What is shown of a verifier before it is (RFC 7636, 4.2).
pub(crate) fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// What Circle needs to link repositories of a forge: their content, and their hooks.
pub(crate) fn linking_scope(kind: ForgeKind) -> &'static str {
    match kind {
        ForgeKind::Github => "repo admin:repo_hook",
        ForgeKind::Gitlab => "api",
        ForgeKind::Gitea => "read:user write:repository",
    }
}

/// The tokens for a code that came back.
///
/// # Errors
/// [`ForgeError`]; a code works once.
pub(crate) async fn exchange(
    net: &Net,
    app: &App<'_>,
    (code, verifier, redirect): (&str, &str, &str),
) -> Result<Tokens, ForgeError> {
    let wish = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", verifier),
        ("redirect_uri", redirect),
    ];
    ask(net, app, &wish).await
}

/// Fresh tokens for a refresh token, which ends by that.
///
/// # Errors
/// [`ForgeError::Token`] when somebody has to let Circle in anew.
pub(crate) async fn refresh(net: &Net, app: &App<'_>, token: &SecretString) -> Result<Tokens, ForgeError> {
    let wish = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token.expose_secret()),
    ];
    match ask(net, app, &wish).await {
        Err(ForgeError::Refused(_) | ForgeError::Forbidden(_)) => Err(ForgeError::Token),
        other => other,
    }
}

async fn ask(net: &Net, app: &App<'_>, wish: &[(&str, &str)]) -> Result<Tokens, ForgeError> {
    let path = match app.kind {
        ForgeKind::Github | ForgeKind::Gitea => "/login/oauth/access_token",
        ForgeKind::Gitlab => "/oauth/token",
    };
    let body = Serializer::new(String::new())
        .append_pair("client_id", app.client_id)
        .append_pair("client_secret", app.client_secret.expose_secret())
        .extend_pairs(wish)
        .finish();
    let request = Request::new(Method::POST, &format!("{}{path}", app.address))?
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .body("application/x-www-form-urlencoded", body);
    let answer = net.send(request).await?;
    if answer.status.is_server_error() {
        return Err(ForgeError::Unreachable(format!(
            "it answers {}",
            answer.status.as_u16()
        )));
    }
    match serde_json::from_slice(&answer.body) {
        Ok(Said::Tokens(tokens)) => Ok(tokens),
        Ok(Said::Error {
            error,
            error_description,
        }) => Err(ForgeError::Refused(plain(&format!("{error} {error_description}")))),
        // What speaks there is no forge, or something before it: neither yes nor no.
        Err(_) => Err(ForgeError::Unreachable(format!(
            "it answers {} without tokens",
            answer.status.as_u16()
        ))),
    }
}

fn plain(text: &str) -> String {
    const LONGEST: usize = 200;
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST)
        .collect()
}
