//! Calls of an engine's API.

use std::time::Duration;

use http::{Method, StatusCode};
use reqwest::RequestBuilder;
use serde_json::Value;

use super::endpoint::{CALL_LIMIT, Docker};

/// The largest answer that is read, in bytes: a service with a hundred tasks has some hundred kilobytes.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// As much of the engine's own words as a person is shown, in characters.
const SHOWN_CHARS: usize = 300;

/// What came instead of an answer that says yes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// There was no answer.
    #[error("{0}")]
    Silent(String),
    /// The answer was more than is read.
    #[error("its answer is larger than 16 MiB")]
    TooLarge,
    /// It says no.
    #[error("{method} was answered with {status}: {said}")]
    No {
        method: Method,
        status: StatusCode,
        said: String,
    },
}

impl Fault {
    /// Whether the engine does not know what was asked for.
    pub(crate) fn is_absence(&self) -> bool {
        matches!(self, Self::No { status, .. } if *status == StatusCode::NOT_FOUND)
    }

    /// Whether it is so already.
    pub(crate) fn is_so_already(&self) -> bool {
        matches!(self, Self::No { status, .. } if *status == StatusCode::NOT_MODIFIED)
    }
}

impl Docker {
    /// A request to the engine; the path begins with a slash.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request and reads its answer as JSON; what is none is null.
    pub(crate) async fn send(&self, method: Method, request: RequestBuilder) -> Result<Value, Fault> {
        let body = self.send_for(CALL_LIMIT, method, request).await?;
        Ok(serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Sends a request that may take longer, and reads its answer.
    pub(crate) async fn send_for(
        &self,
        limit: Duration,
        method: Method,
        request: RequestBuilder,
    ) -> Result<Vec<u8>, Fault> {
        let mut response = request.timeout(limit).send().await.map_err(|error| silent(&error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| silent(&error))? {
            body.extend_from_slice(&piece);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(Fault::TooLarge);
            }
        }
        if status.is_success() {
            return Ok(body);
        }
        Err(Fault::No {
            method,
            status,
            said: message(&body),
        })
    }
}

fn message(body: &[u8]) -> String {
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let text = parsed
        .as_ref()
        .and_then(|value| value.get("message"))
        .and_then(Value::as_str);
    let text = text.map_or_else(|| String::from_utf8_lossy(body).into_owned(), str::to_owned);
    text.trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN_CHARS)
        .collect()
}

fn silent(error: &reqwest::Error) -> Fault {
    let mut why = if error.is_timeout() {
        "it did not answer in time".to_owned()
    } else {
        "no connection".to_owned()
    };
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.source().is_none() {
            why = format!("{why}: {inner}");
        }
        source = inner.source();
    }
    Fault::Silent(why)
}
