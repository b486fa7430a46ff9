//! What an OpenID Connect provider says of itself (OpenID Connect Discovery), and its keys: asked for seldom, by one caller at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::http::Method;
use circle_core::ids::IdentityProviderId;
use circle_net::{Bounds, Net, Request};
use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex as Turn;
use url::Url;

use super::SignInError;
use super::error::plain;
use crate::records::IdentityProviderRecord;

/// So long what was read is believed. Unknown keys are asked for anew in between.
const GOOD: Duration = Duration::from_secs(3600);
/// So long a provider that did not answer is left alone: people who begin to sign in must not become a flood.
const BAD: Duration = Duration::from_secs(5);
/// Somebody waits for it before a page.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(10);
/// A hundred keys with their certificates.
pub(super) const ANSWER_BYTES: usize = 512 * 1024;

/// What Circle uses of the document.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    jwks_uri: Url,
    pub(super) userinfo_endpoint: Option<Url>,
    /// `client_secret_basic` when absent.
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether it tells who it is when it sends somebody back (RFC 9207).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Whether the secret goes into the header of that name, and not into the body.
    pub(super) fn takes_basic(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_ref();
        methods.is_none_or(|all| all.iter().any(|one| one == "client_secret_basic"))
    }

    /// Refuses another's document, and addresses that a browser or the server must not follow.
    fn check(self, issuer: &str) -> Result<Self, String> {
        // A slash at its end belongs to some names and is left out by many who write them.
        if self.issuer.trim_end_matches('/') != issuer {
            return Err(format!("it calls itself {}, not {issuer}", plain(&self.issuer)));
        }
        let secure = issuer.starts_with("https:");
        let all = [&self.authorization_endpoint, &self.token_endpoint, &self.jwks_uri];
        for url in all.into_iter().chain(&self.userinfo_endpoint) {
            let good = url.scheme() == "https" || (!secure && url.scheme() == "http");
            if !good {
                return Err(format!("it names an address without https: {}", plain(url.as_str())));
            }
        }
        Ok(self)
    }
}

/// A provider as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) metadata: Metadata,
    pub(super) keys: Vec<Jwk>,
}

impl Found {
    /// The name that its tokens must bear: as it writes it.
    pub(super) fn issuer(&self) -> &str {
        &self.metadata.issuer
    }
}

#[derive(Debug)]
struct Entry {
    at: Instant,
    found: Result<Arc<Found>, SignInError>,
}

type Place = Arc<Turn<Option<Entry>>>;

/// What was found of each provider.
#[derive(Debug, Default)]
pub(super) struct Discoveries(Mutex<HashMap<IdentityProviderId, Place>>);

impl Discoveries {
    /// The provider as it was found; `anew` when its keys may have changed.
    pub(super) async fn of(
        &self,
        net: &Net,
        provider: &IdentityProviderRecord,
        anew: bool,
    ) -> Result<Arc<Found>, SignInError> {
        let place = Arc::clone(self.lock().entry(provider.id).or_default());
        let asked_at = Instant::now();
        let mut entry = place.lock().await;
        if let Some(known) = &*entry {
            let age = known.at.elapsed();
            // Whoever waited for somebody else's question has its answer.
            let fresh = if anew { known.at >= asked_at } else { age < GOOD };
            if (known.found.is_ok() && fresh) || (known.found.is_err() && age < BAD) {
                return known.found.clone();
            }
        }
        let found = find(net, provider).await.map(Arc::new);
        *entry = Some(Entry {
            at: Instant::now(),
            found: found.clone(),
        });
        found
    }

    /// Of a provider that is gone.
    pub(super) fn forget(&self, provider: IdentityProviderId) {
        self.lock().remove(&provider);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<IdentityProviderId, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn find(net: &Net, provider: &IdentityProviderRecord) -> Result<Found, SignInError> {
    let down = |reason: String| SignInError::Down {
        provider: provider.name.to_string(),
        reason,
    };
    let address = format!("{}/.well-known/openid-configuration", provider.address);
    let metadata: Metadata = read(net, &address).await.map_err(down)?;
    let metadata = metadata.check(&provider.address).map_err(down)?;
    let set: KeySet = read(net, metadata.jwks_uri.as_str()).await.map_err(down)?;
    // Keys of kinds that are not known here are no reason to refuse those that are.
    let keys = set.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
    Ok(Found {
        metadata,
        keys: keys.collect(),
    })
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<serde_json::Value>,
}

async fn read<T: DeserializeOwned>(net: &Net, address: &str) -> Result<T, String> {
    let request = Request::new(Method::GET, address).map_err(|error| error.to_string())?;
    let request = request.repeat(1).bounds(Bounds {
        time: ANSWER_TIME,
        answer_bytes: ANSWER_BYTES,
    });
    let answer = net.send(request).await.map_err(|error| error.to_string())?;
    let at = plain(address);
    if !answer.status.is_success() {
        return Err(format!("{at} answers {}", answer.status.as_u16()));
    }
    serde_json::from_slice(&answer.body).map_err(|error| format!("the answer of {at} is not understood: {error}"))
}
