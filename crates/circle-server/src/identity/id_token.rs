//! Id tokens (OpenID Connect Core, 3.1.3.7): who signed them, for whom, when, and for which sign-in.

use circle_api::worker::SecretValue;
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde::Deserialize;

use super::crypto;
use crate::auth::same;

/// By which signatures an id token may come: what a provider publishes the keys of. `none` and HMAC are not among them.
const ALLOWED: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// By how much clocks may differ, in seconds.
const LEEWAY_S: u64 = 60;
/// Longest subject (OpenID Connect Core, 2).
const SUBJECT_BYTES: usize = 255;

/// What an id token must be for.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client_id: &'a str,
    pub(super) nonce: &'a SecretValue,
}

/// What a provider says of somebody, in an id token or when it is asked.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Claims {
    pub(super) sub: String,
    pub(super) preferred_username: Option<String>,
    pub(super) email: Option<String>,
    /// Some write it as a text.
    #[serde(default)]
    email_verified: Truth,
}

impl Claims {
    /// The address of mail, if the provider has seen that it is theirs.
    pub(super) fn verified_email(&self) -> Option<&str> {
        let verified = match &self.email_verified {
            Truth::Bool(truth) => *truth,
            Truth::Text(text) => text == "true",
        };
        self.email.as_deref().filter(|_| verified)
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Truth {
    Bool(bool),
    Text(String),
}

impl Default for Truth {
    fn default() -> Self {
        Self::Bool(false)
    }
}

#[derive(Deserialize)]
struct Token {
    aud: Audience,
    azp: Option<String>,
    nonce: Option<String>,
    #[serde(flatten)]
    claims: Claims,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    Many(Vec<String>),
    #[expect(dead_code, reason = "that the one is Circle was seen already")]
    One(String),
}

/// Why an id token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    /// Newer keys may help.
    #[error("it is signed by a key that is not published")]
    UnknownKey,
    #[error("{0}")]
    Wrong(String),
}

fn wrong(reason: impl Into<String>) -> TokenError {
    TokenError::Wrong(reason.into())
}

/// What a token says, if it is the provider's own, of now, and for this sign-in.
///
/// # Errors
/// [`TokenError`] says what does not fit.
pub(super) fn verify(token: &str, keys: &[Jwk], expected: &Expected<'_>) -> Result<Claims, TokenError> {
    crypto::install();
    let header = decode_header(token).map_err(|error| wrong(format!("it is no signed id token: {error}")))?;
    if !ALLOWED.contains(&header.alg) {
        return Err(wrong(format!("the algorithm {:?} is not allowed", header.alg)));
    }
    let mut validation = Validation::new(header.alg);
    validation.leeway = LEEWAY_S;
    validation.validate_nbf = true;
    validation.set_issuer(&[expected.issuer]);
    validation.set_audience(&[expected.client_id]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let mut refused = TokenError::UnknownKey;
    for key in keys.iter().filter(|key| fits(key, &header)) {
        let Ok(key) = DecodingKey::from_jwk(key) else { continue };
        match decode::<Token>(token, &key, &validation) {
            Ok(token) => return meant(token.claims, expected),
            Err(error) => refused = wrong(error.to_string()),
        }
    }
    Err(refused)
}

/// What the library does not look at: whose it is among several, and for which sign-in.
fn meant(token: Token, expected: &Expected<'_>) -> Result<Claims, TokenError> {
    let is_for_more = matches!(&token.aud, Audience::Many(all) if all.len() > 1);
    match token.azp.as_deref() {
        Some(azp) if azp != expected.client_id => return Err(wrong("it was made for another application")),
        None if is_for_more => {
            return Err(wrong(
                "it is for several applications and does not say for which it was made",
            ));
        }
        _ => {}
    }
    if !token.nonce.is_some_and(|nonce| same(&nonce, expected.nonce.expose())) {
        return Err(wrong("it is of another sign-in"));
    }
    let sub = &token.claims.sub;
    if sub.is_empty() || sub.len() > SUBJECT_BYTES {
        return Err(wrong("its subject is empty or too long"));
    }
    Ok(token.claims)
}

/// Whether a key may have signed it. A key says what it is for; whatever it does not say is open.
fn fits(key: &Jwk, header: &Header) -> bool {
    let of_name = header.kid.is_none() || key.common.key_id == header.kid;
    let signs = !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
    let of_algorithm = |said: &KeyAlgorithm| *said == KeyAlgorithm::from(header.alg);
    of_name && signs && key.common.key_algorithm.as_ref().is_none_or(of_algorithm)
}
