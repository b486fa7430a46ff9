//! One endpoint, one token, and requests with bounds.

use std::fmt;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::endpoint::Endpoint;
use super::errors::ApiError;
use crate::resources::Problem;
use crate::worker::SecretValue;

/// Until a connection stands, in seconds.
pub const CONNECT_SECONDS: u64 = 10;
/// Until an ordinary call is answered as a whole, in seconds.
pub const CALL_SECONDS: u64 = 60;
/// Largest answer of an ordinary call, in bytes: 200 runs with everything are far below.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// As much of an answer that is not understood as a person is shown, in characters.
const SHOWN_CHARS: usize = 200;

/// Typed calls to one server. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    endpoint: Endpoint,
    authorization: Option<HeaderValue>,
    http: reqwest::Client,
}

impl Client {
    /// A client for the endpoint; nothing is opened yet. Installs rustls' ring provider when the process has none.
    ///
    /// # Errors
    /// [`ApiError::Setup`] when the token is no header value or, for https, no root certificates are found.
    pub fn new(endpoint: Endpoint, token: Option<&SecretValue>) -> Result<Self, ApiError> {
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let authorization = token.map(bearer).transpose()?;
        let http = builder(&endpoint).build().map_err(|error| setup(&error))?;
        Ok(Self {
            endpoint,
            authorization,
            http,
        })
    }

    /// Where it calls.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Whether the server can answer; needs no token.
    ///
    /// # Errors
    /// Like every call.
    pub async fn health(&self) -> Result<(), ApiError> {
        let request = self.request(Method::GET, crate::routes::HEALTH);
        self.send(request).await.map(drop)
    }

    pub(super) async fn read<T: DeserializeOwned>(&self, path: &str, query: &impl Serialize) -> Result<T, ApiError> {
        self.answer(self.request(Method::GET, path).query(query)).await
    }

    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ApiError> {
        self.answer(self.request(method, path).json(body)).await
    }

    pub(super) async fn delete(&self, path: &str) -> Result<(), ApiError> {
        self.send(self.request(Method::DELETE, path)).await.map(drop)
    }

    /// The body of an answer whatever it is, up to `limit_bytes`.
    pub(super) async fn bytes(&self, request: RequestBuilder, limit_bytes: usize) -> Result<Vec<u8>, ApiError> {
        let response = self.send(request).await?;
        self.body(response, limit_bytes).await
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.endpoint.base());
        let request = self
            .http
            .request(method, url)
            .timeout(Duration::from_secs(CALL_SECONDS));
        self.authorized(request)
    }

    /// A request whose answer may be as long as it likes.
    pub(super) fn unhurried(&self, method: Method, path: &str) -> RequestBuilder {
        self.authorized(self.http.request(method, format!("{}{path}", self.endpoint.base())))
    }

    /// A request over a connection of its own that speaks HTTP/1.1 and can be upgraded.
    pub(super) fn upgradable(&self, path: &str) -> Result<RequestBuilder, ApiError> {
        let http = builder(&self.endpoint)
            .http1_only()
            .build()
            .map_err(|error| setup(&error))?;
        Ok(self.authorized(http.get(format!("{}{path}", self.endpoint.base()))))
    }

    /// Sends, and turns every answer that is no success into an error.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, ApiError> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        let moved = response
            .headers()
            .get("location")
            .and_then(|place| place.to_str().ok())
            .map(str::to_owned);
        let body = self.body(response, MAX_ANSWER_BYTES).await?;
        Err(match (serde_json::from_slice::<Problem>(&body), moved) {
            (Ok(problem), _) => ApiError::Problem(Box::new(problem)),
            (Err(_), Some(place)) => self.not_understood(format!("it sends us to {place}: use that address")),
            (Err(_), None) => self.not_understood(format!("status {status}: {}", shown(&body))),
        })
    }

    pub(super) fn unreachable(&self, error: &dyn std::error::Error) -> ApiError {
        ApiError::Unreachable {
            endpoint: self.endpoint.to_string(),
            reason: innermost(error),
        }
    }

    pub(super) fn not_understood(&self, reason: impl Into<String>) -> ApiError {
        ApiError::NotUnderstood {
            endpoint: self.endpoint.to_string(),
            reason: reason.into(),
        }
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, ApiError> {
        let response = self.send(request).await?;
        let body = self.body(response, MAX_ANSWER_BYTES).await?;
        serde_json::from_slice(&body).map_err(|error| {
            self.not_understood(format!("{error}; perhaps it is of another version: {}", shown(&body)))
        })
    }

    async fn body(&self, mut response: Response, limit_bytes: usize) -> Result<Vec<u8>, ApiError> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if body.len() + chunk.len() > limit_bytes {
                return Err(ApiError::TooLong {
                    endpoint: self.endpoint.to_string(),
                    limit_bytes,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        match &self.authorization {
            Some(value) => request.header(AUTHORIZATION, value.clone()),
            None => request,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Client")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

fn builder(endpoint: &Endpoint) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .user_agent(concat!("circle/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(CONNECT_SECONDS))
        .redirect(redirect::Policy::none())
        .no_proxy();
    match endpoint {
        Endpoint::Unix(path) => builder.unix_socket(path.clone()).tls_certs_only([]),
        Endpoint::Http(url) if url.scheme() == "http" => builder.tls_certs_only([]),
        Endpoint::Http(_) => builder,
    }
}

fn bearer(token: &SecretValue) -> Result<HeaderValue, ApiError> {
    let mut value =
        HeaderValue::try_from(format!("Bearer {}", token.expose().trim())).map_err(|_| ApiError::Setup {
            reason: "the token holds characters that no token has".into(),
        })?;
    value.set_sensitive(true);
    Ok(value)
}

fn setup(error: &dyn std::error::Error) -> ApiError {
    ApiError::Setup {
        reason: innermost(error),
    }
}

/// The cause at the bottom, which is the one that a person can act on ("Connection refused").
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN_CHARS * 4)]).into_owned();
    text.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS).collect()
}
