//! Tokens of a played forge by OAuth: codes work once and with their verifier, refresh tokens work once.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

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
