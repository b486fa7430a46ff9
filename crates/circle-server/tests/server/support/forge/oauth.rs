//! Tokens of a played forge by OAuth: codes work once and with their verifier, refresh tokens work once.

use std::collections::HashMap;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use super::Facts;
use super::dialect::json as answered;

/// Somebody let Circle in.
#[derive(Debug, Default)]
pub(crate) struct LetIn {
    pub(crate) code: String,
    /// `S256` of the verifier that must come with the code.
    pub(crate) challenge: String,
    /// How many tokens were given.
    pub(crate) given: u32,
    /// How long one is good, in seconds.
    pub(crate) expires_in: i64,
}

impl LetIn {
    /// A token stays good when a fresh one is given: requests may be under way with it.
    pub(super) fn knows(&self, bearer: Option<&str>) -> bool {
        (1..=self.given).any(|at| bearer == Some(&format!("Bearer access-{at}")))
    }

    /// The same as git says it: a login whose password is the token.
    pub(super) fn opens(&self, login: Option<&str>) -> bool {
        let encoded = login.and_then(|text| text.strip_prefix("Basic "));
        let plain = encoded.and_then(|text| STANDARD.decode(text).ok());
        let text = plain
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .unwrap_or_default();
        let password = text.split_once(':').map_or("", |(_, password)| password);
        self.knows(Some(&format!("Bearer {password}")))
    }
}

/// Whoever opens the page of a played Gitea or GitHub lets Circle in; with `deny` as the client's id they do not.
pub(super) fn page(facts: &mut Facts, query: &str) -> Response {
    let asked: HashMap<String, String> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let said = |name: &str| asked.get(name).map_or("", String::as_str);
    let answer = if said("client_id") == "deny" {
        ("error", "access_denied".to_owned())
    } else {
        let let_in = &mut facts.let_in;
        (let_in.code, let_in.challenge, let_in.expires_in) =
            ("of/the page".into(), said("code_challenge").into(), 3_600);
        ("code", let_in.code.clone())
    };
    let back = Url::parse_with_params(
        said("redirect_uri"),
        [(answer.0, answer.1.as_str()), ("state", said("state"))],
    );
    Redirect::to(back.expect("an address to go back to").as_str()).into_response()
}

pub(super) fn token(facts: &mut Facts, body: &[u8]) -> Response {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    let said = |name: &str| {
        form.iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, value)| value.as_str())
    };
    let refused = |why: &str| {
        (
            StatusCode::BAD_REQUEST,
            json!({"error": "invalid_grant", "error_description": why}).to_string(),
        )
    };
    if said("client_secret") != "client-secret" {
        return refused("client").into_response();
    }
    let let_in = &mut facts.let_in;
    let good = match said("grant_type") {
        "authorization_code" => {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(said("code_verifier").as_bytes()));
            let good = said("code") == let_in.code && challenge == let_in.challenge;
            let_in.code = "used".into();
            good
        }
        "refresh_token" => said("refresh_token") == format!("refresh-{}", let_in.given),
        _ => false,
    };
    if !good {
        return refused("grant").into_response();
    }
    let_in.given += 1;
    answered(json!({
        "access_token": format!("access-{}", let_in.given), "token_type": "bearer", "expires_in": let_in.expires_in,
        "refresh_token": format!("refresh-{}", let_in.given),
    }))
}
