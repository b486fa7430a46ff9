//! Making, hashing and comparing tokens.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use circle_api::worker::SecretValue;
use circle_core::ids::TokenId;
use circle_store::records::{Query, kinds};
use rand::Rng;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::http::ApiError;
use crate::records::{TokenKind, TokenRecord};
use crate::server::Server;
use crate::time::now_ms;

/// Random bytes in a token.
const TOKEN_BYTES: usize = 32;
/// Longest value that is looked at.
const MAX_VALUE_BYTES: usize = 256;

/// A new token: the value to show once, and what is kept.
#[derive(Debug)]
pub(crate) struct Minted {
    pub(crate) value: SecretValue,
    pub(crate) hash: String,
}

/// A random value with the prefix of its kind.
pub(crate) fn mint(prefix: &str) -> Minted {
    let mut bytes = zeroize::Zeroizing::new([0; TOKEN_BYTES]);
    rand::rng().fill_bytes(bytes.as_mut_slice());
    let value = SecretValue::new(format!("{prefix}{}", hex::encode(bytes.as_slice())));
    let hash = hash_of(value.expose());
    Minted { value, hash }
}

/// What is kept of a token. Its 256 random bits need no slow hash.
pub(crate) fn hash_of(value: &str) -> String {
    hex::encode(Sha256::digest(value.as_bytes()))
}

/// Compares without telling by time where two texts differ.
pub(crate) fn same(left: &str, right: &str) -> bool {
    left.as_bytes().ct_eq(right.as_bytes()).into()
}

/// The value behind `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, value) = text.split_once(' ')?;
    let fits = scheme.eq_ignore_ascii_case("bearer") && value.len() <= MAX_VALUE_BYTES;
    fits.then(|| value.trim())
}

/// The valid token of a kind that the request carries.
pub(super) async fn presented(
    server: &Server,
    headers: &HeaderMap,
    kind: TokenKind,
) -> Result<(TokenRecord, circle_store::records::Version), ApiError> {
    let value = bearer(headers).ok_or(ApiError::NoCredential)?;
    let found = token_of_value(server, value).await?;
    found
        .filter(|(token, _)| token.kind == kind)
        .ok_or(ApiError::BadCredential)
}

/// The token behind a value, of whatever kind, if it is valid.
pub(crate) async fn token_of_value(
    server: &Server,
    value: &str,
) -> Result<Option<(TokenRecord, circle_store::records::Version)>, ApiError> {
    let hash = hash_of(value);
    let query = Query::over(kinds::TOKEN_HASH).equal(hash.as_str());
    let found = server.records.load_by::<TokenRecord>(query).await?;
    Ok(found.filter(|(token, _)| same(&token.hash, &hash) && token.is_valid(now_ms())))
}

impl Minted {
    /// The document of this token.
    pub(crate) fn record(&self, kind: TokenKind, name: impl Into<String>, now_ms: i64) -> TokenRecord {
        TokenRecord {
            id: TokenId::from_uuid(Uuid::now_v7()),
            hash: self.hash.clone(),
            kind,
            name: name.into(),
            worker: None,
            workspace: None,
            owner: None,
            limit: None,
            created_at: now_ms,
            expires_at: None,
            used_at: None,
        }
    }
}
