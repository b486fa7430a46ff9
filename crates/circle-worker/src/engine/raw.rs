//! Plain HTTP to the engine: for builds, pulls and pushes, whose streams hold more than bollard's types show, and for
//! the session, which turns a request into a connection.

use bytes::{Bytes, BytesMut};
use circle_api::worker::RegistryAccess;
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use super::Engine;
use super::client::registry_header;
use super::errors::with_sources;

/// Longest line of a progress stream; a build's trace is far shorter.
const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
/// Longest body of an error.
const MAX_ERROR_BYTES: usize = 64 * 1024;

/// A body of a request.
pub(crate) type Body = BoxBody<Bytes, std::io::Error>;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RawError {
    /// The engine said no.
    #[error("{message}")]
    Refused { status: u16, message: String },
    /// It reported an error in the middle of its stream.
    #[error("{0}")]
    Stream(String),
    /// The connection failed.
    #[error("the cell's Docker engine does not answer: {0}")]
    Connection(String),
}

/// The answer to a request, line by line; dropping it ends the request.
#[derive(Debug)]
pub(crate) struct Lines {
    body: Incoming,
    buffer: BytesMut,
    _connection: JoinSet<()>,
}

impl Engine {
    /// Sends a request with an empty body and the registry's credential, and reads the answer as lines of JSON.
    pub(crate) async fn lines(
        &self,
        method: &str,
        path: &str,
        access: Option<&RegistryAccess>,
    ) -> Result<Lines, RawError> {
        let mut request = Request::builder().method(method).uri(path).header("host", "engine");
        if let Some(access) = access {
            request = request.header("x-registry-auth", registry_header(access));
        }
        let request = request
            .body(empty())
            .map_err(|error| RawError::Connection(error.to_string()))?;
        self.stream(request).await
    }

    /// Sends a request and reads the answer as lines of JSON.
    pub(crate) async fn stream(&self, request: Request<Body>) -> Result<Lines, RawError> {
        let (response, connection) = self.send(request).await?;
        let response = successful(response).await?;
        Ok(Lines {
            body: response.into_body(),
            buffer: BytesMut::new(),
            _connection: connection,
        })
    }

    /// The body of the answer to a request without one, with the connection that it comes through.
    pub(super) async fn body(&self, method: &str, path: &str) -> Result<(Incoming, JoinSet<()>), RawError> {
        let request = Request::builder().method(method).uri(path).header("host", "engine");
        let request = request
            .body(empty())
            .map_err(|error| RawError::Connection(error.to_string()))?;
        let (response, connection) = self.send(request).await?;
        Ok((successful(response).await?.into_body(), connection))
    }

    /// Sends a request on a connection of its own, which the caller keeps alive by holding the set.
    pub(crate) async fn send(&self, request: Request<Body>) -> Result<(Response<Incoming>, JoinSet<()>), RawError> {
        let stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| RawError::Connection(error.to_string()))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| RawError::Connection(with_sources(&error)))?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            if let Err(error) = connection.with_upgrades().await {
                tracing::debug!(%error, "a connection to the engine ended");
            }
        });
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| RawError::Connection(with_sources(&error)))?;
        Ok((response, task))
    }
}

impl Lines {
    /// The next line; `None` at the end of the stream. A line that reports an error ends the stream with it.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, RawError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1).freeze();
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return checked(line).map(Some);
            }
            if self.buffer.len() > MAX_LINE_BYTES {
                return Err(RawError::Stream(
                    "the engine sent a line of more than 16 MiB".to_owned(),
                ));
            }
            match self.body.frame().await {
                Some(Ok(frame)) => self.buffer.extend(frame.into_data().ok()),
                Some(Err(error)) => return Err(RawError::Connection(with_sources(&error))),
                None if self.buffer.trim_ascii().is_empty() => return Ok(None),
                None => return checked(self.buffer.split().freeze()).map(Some),
            }
        }
    }

    /// The next line as a value.
    pub(crate) async fn next_value(&mut self) -> Result<Option<Value>, RawError> {
        let Some(line) = self.next().await? else {
            return Ok(None);
        };
        let value = serde_json::from_slice(&line)
            .map_err(|error| RawError::Stream(format!("the engine sent no JSON: {error}")))?;
        Ok(Some(value))
    }
}

/// An empty body.
pub(crate) fn empty() -> Body {
    Empty::new().map_err(|never| match never {}).boxed()
}

fn checked(line: Bytes) -> Result<Bytes, RawError> {
    // Only lines that can hold an error are parsed twice.
    if line.windows(7).any(|part| part == b"\"error\"")
        && let Ok(value) = serde_json::from_slice::<Value>(&line)
        && let Some(error) = value.get("error").and_then(Value::as_str)
    {
        return Err(RawError::Stream(error.trim().to_owned()));
    }
    Ok(line)
}

async fn successful(response: Response<Incoming>) -> Result<Response<Incoming>, RawError> {
    let status = response.status();
    if status.is_success() || status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(response);
    }
    let mut text = BytesMut::new();
    let mut body = response.into_body();
    while let Some(Ok(frame)) = body.frame().await {
        text.extend(frame.into_data().ok());
        if text.len() > MAX_ERROR_BYTES {
            break;
        }
    }
    let message = serde_json::from_slice::<Value>(&text)
        .ok()
        .and_then(|value| value.get("message").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(&text).trim().to_owned());
    Err(RawError::Refused {
        status: status.as_u16(),
        message,
    })
}
