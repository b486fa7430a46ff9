//! One server, and the bounds of every call to it.

use std::time::Duration;

use circle_api::client::{Endpoint, ShellSocket, open_by};
use circle_api::shell::MAX_MESSAGE_BYTES;
use circle_api::worker::{ISOLATION_HEADER, PROTOCOL_HEADER, PROTOCOL_VERSION, SecretValue};
use circle_core::ids::ShellId;
use circle_core::serving::Isolation;
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;

use crate::WorkerError;
use crate::engine::with_sources;

/// Until a connection stands.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// Until an ordinary call is answered.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Longest body of an error that is read.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// A server. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    http: Client,
    /// Speaks HTTP/1.1 only, whose connections can become others.
    upgradable: Client,
    base: String,
    isolation: Isolation,
}

/// Why a call failed, named for what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// The lease, or the offer, is gone (409); the body may say more.
    #[error("the server says that it is too late: {0}")]
    Gone(String),
    /// The credential counts no more (401, 403).
    #[error("the server refused the credential: {0}")]
    Credential(String),
    /// It will be refused again (another 4xx).
    #[error("the server refused: {0}")]
    Refused(String),
    /// It may work later: the server is away, overloaded or its disk is full.
    #[error("{0}")]
    Later(String),
}

impl Connection {
    pub(crate) fn new(server: &str, isolation: Isolation) -> Result<Self, WorkerError> {
        // Another part of the program may have installed it before.
        let _already_installed = rustls::crypto::ring::default_provider().install_default();
        let bad = |why: String| WorkerError::Configuration(format!("the server's address: {why}"));
        let endpoint: Endpoint = server
            .parse()
            .map_err(|error: circle_api::client::EndpointError| bad(error.to_string()))?;
        let base = match &endpoint {
            Endpoint::Unix(_) => "http://localhost".to_owned(),
            Endpoint::Http(url) => url.as_str().trim_end_matches('/').to_owned(),
        };
        let http = builder(&endpoint).build().map_err(|error| bad(with_sources(&error)))?;
        let upgradable = builder(&endpoint).http1_only().build();
        let upgradable = upgradable.map_err(|error| bad(with_sources(&error)))?;
        Ok(Self {
            http,
            upgradable,
            base,
            isolation,
        })
    }

    /// Opens the worker's end of a shell.
    pub(crate) async fn shell(&self, shell: ShellId, token: &SecretValue) -> Result<ShellSocket, String> {
        let request = self
            .upgradable
            .get(format!("{}/worker/v1/shells/{shell}", self.base))
            .bearer_auth(token.expose())
            .header(PROTOCOL_HEADER, PROTOCOL_VERSION.to_string());
        let socket = tokio::time::timeout(CONNECT_LIMIT, open_by(request, MAX_MESSAGE_BYTES)).await;
        socket
            .unwrap_or_else(|_| Err("the server does not answer".to_owned()))
            .map(ShellSocket::new)
    }

    /// A request with the protocol's version and this credential; the caller sets its time limit.
    pub(crate) fn request(&self, method: Method, path: &str, token: &SecretValue) -> RequestBuilder {
        self.http
            .request(method, format!("{}/worker/v1{path}", self.base))
            .bearer_auth(token.expose())
            .header(PROTOCOL_HEADER, PROTOCOL_VERSION.to_string())
            .header(ISOLATION_HEADER, self.isolation.word())
    }
}

fn builder(endpoint: &Endpoint) -> ClientBuilder {
    let builder = Client::builder()
        .user_agent(concat!("circle-worker/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_LIMIT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy();
    match endpoint {
        Endpoint::Unix(path) => builder.unix_socket(path.clone()).tls_certs_only([]),
        Endpoint::Http(url) if url.scheme() == "http" => builder.tls_certs_only([]),
        Endpoint::Http(_) => builder,
    }
}

/// Sends a request and sorts its answer.
pub(super) async fn send(request: RequestBuilder) -> Result<Response, CallError> {
    let response = request
        .send()
        .await
        .map_err(|error| CallError::Later(with_sources(&error.without_url())))?;
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let text = error_text(response).await;
    Err(match status {
        StatusCode::CONFLICT => CallError::Gone(text),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => CallError::Credential(sentence(&text)),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => CallError::Later(sentence(&text)),
        status if status.is_client_error() => CallError::Refused(format!("{status}: {}", sentence(&text))),
        status => CallError::Later(format!("{status}: {}", sentence(&text))),
    })
}

/// Reads an answer as JSON.
pub(super) async fn answer<T: serde::de::DeserializeOwned>(request: RequestBuilder) -> Result<T, CallError> {
    let response = send(request.timeout(CALL_LIMIT)).await?;
    let bytes = response
        .bytes()
        .await
        .map_err(|error| CallError::Later(with_sources(&error.without_url())))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| CallError::Refused(format!("its answer was not understood: {error}")))
}

async fn error_text(mut response: Response) -> String {
    let mut text = Vec::new();
    while let Ok(Some(piece)) = response.chunk().await {
        text.extend_from_slice(&piece);
        if text.len() > MAX_ERROR_BYTES {
            break;
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}

/// The detail of a problem document, or the text itself.
pub(super) fn sentence(text: &str) -> String {
    let problem: Option<Value> = serde_json::from_str(text).ok();
    let said = problem
        .as_ref()
        .and_then(|problem| problem.get("detail").or_else(|| problem.get("title")));
    said.and_then(Value::as_str)
        .map_or_else(|| text.chars().take(300).collect(), str::to_owned)
}
