//! A sign-in on its way: what is to be known when somebody comes back lies sealed in a cookie of the browser that began it.
//!
//! So it is of use in that browser only, however many begin and never come back, and outlives a restart of the server. The cookie
//! is sent by pages of this server alone: coming back is a page's own request, not the provider's redirect.

use axum::http::{HeaderMap, HeaderValue};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use circle_api::worker::SecretValue;
use circle_core::ids::{IdentityProviderId, TokenId};
use circle_core::names::Slug;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::SignInError;
use crate::auth::{Cookie, hash_of, mint};
use crate::http::ApiError;
use crate::records::Sealed;
use crate::server::Server;
use crate::time::now_ms;
use crate::vault::{OF_SERVER, Place};

/// So long somebody may take at the provider, in milliseconds.
const FLOW_MS: i64 = 600_000;
/// Characters of a state's hash in a cookie's name: enough for the sign-ins that one browser has open at once.
const NAME_CHARS: usize = 16;
/// Sign-ins that one browser has open at once: a browser that begins again and again must not send more than a proxy takes.
const OPEN: usize = 3;
const PREFIX: &str = "circle_sign_in_";

/// What a sign-in is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Wish {
    /// To have a session, then see this page.
    SignIn { to: String },
    /// To use a link up.
    Join { link: SecretValue, name: Slug },
    /// To sign in by it from now on; for whoever has this session.
    Link { session: TokenId },
}

/// A sign-in on its way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Flow {
    pub(crate) provider: IdentityProviderId,
    pub(crate) wish: Wish,
    /// Of PKCE; it leaves the server with the code only.
    pub(super) verifier: SecretValue,
    /// What an id token must name.
    pub(super) nonce: SecretValue,
    /// In milliseconds since 1970.
    ends_at: i64,
}

impl Flow {
    /// One that begins now, and the state by which it is known.
    pub(crate) fn begin(provider: IdentityProviderId, wish: Wish) -> (Self, SecretValue) {
        let flow = Self {
            provider,
            wish,
            verifier: mint("").value,
            nonce: mint("").value,
            ends_at: now_ms() + FLOW_MS,
        };
        (flow, mint("").value)
    }

    /// The headers that keep it in the browser, and take the oldest out when there are too many.
    pub(crate) fn keep(
        &self,
        server: &Server,
        headers: &HeaderMap,
        state: &SecretValue,
    ) -> Result<Vec<HeaderValue>, ApiError> {
        let hash = hash_of(state.expose());
        let internal = |error: serde_json::Error| ApiError::Internal(error.to_string());
        let text = serde_json::to_string(self).map_err(internal)?;
        let sealed = server.vault.seal(place(&hash), &text)?;
        let value = SecretValue::new(URL_SAFE_NO_PAD.encode(serde_json::to_string(&sealed).map_err(internal)?));
        let mut cookies = vec![of(server, &hash).set(&value, FLOW_MS / 1000)?];
        let open = Cookie::new(server, PREFIX).beginning(headers);
        for old in open.iter().rev().skip(OPEN - 1) {
            cookies.push(old.set(&SecretValue::new(""), 0)?);
        }
        Ok(cookies)
    }

    /// The one that this browser began with this provider, and did not finish. Whoever asks for it uses it up.
    pub(crate) fn take(
        server: &Server,
        headers: &HeaderMap,
        (state, provider): (&SecretValue, IdentityProviderId),
    ) -> Result<Self, SignInError> {
        let hash = hash_of(state.expose());
        let opened = of(server, &hash).read(headers).and_then(|value| {
            let sealed: Sealed = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(value).ok()?).ok()?;
            let text = server.vault.open_value(place(&hash), &sealed).ok()?;
            serde_json::from_str::<Self>(text.expose_secret()).ok()
        });
        let flow = opened.ok_or(SignInError::Flow)?;
        let now = now_ms();
        let first = server.sign_ins.use_up(&hash, (flow.ends_at, now));
        if !first || now >= flow.ends_at || flow.provider != provider {
            return Err(SignInError::Flow);
        }
        Ok(flow)
    }

    /// The header that takes it out of the browser.
    pub(crate) fn forget(server: &Server, state: &SecretValue) -> Result<HeaderValue, ApiError> {
        of(server, &hash_of(state.expose())).set(&SecretValue::new(""), 0)
    }
}

/// Each state has a cookie of its own, so that two pages of a browser do not end each other's sign-ins.
fn of(server: &Server, hash: &str) -> Cookie {
    let name: String = hash.chars().take(NAME_CHARS).collect();
    Cookie::new(server, &format!("{PREFIX}{name}"))
}

/// A sealed sign-in opens for its own state only.
fn place(hash: &str) -> Place<'_> {
    Place {
        workspace: OF_SERVER,
        scope: "sign-in",
        name: hash,
    }
}
