//! Requests to a forge: bounded, with the token for its host alone, errors sorted by what a caller can do.

use std::time::Duration;

use axum::http::{HeaderMap, Method};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::ForgeError;

/// A page of a hundred repositories or files is a few hundred kilobytes.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// A forge that takes longer is down for us.
const ANSWER_TIME: Duration = Duration::from_secs(20);
/// When it says that it is busy, but not for how long.
const BUSY: Duration = Duration::from_secs(60);
/// The longest that a forge can ask us to wait.
const LONGEST_BUSY: Duration = Duration::from_secs(3600);
/// What is told of a refusal.
const MESSAGE_CHARS: usize = 200;

/// A forge's API with somebody's token.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    http: reqwest::Client,
    /// With a slash at its end.
    base: Url,
    token: SecretString,
    accept: &'static str,
}

/// An answer that is none of the errors.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Wire {
    pub(super) fn new(http: reqwest::Client, base: Url, token: SecretString, accept: &'static str) -> Self {
        Self {
            http,
            base,
            token,
            accept,
        }
    }

    /// Reads JSON.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<T, ForgeError> {
        Ok(self.page(path, query).await?.0)
    }

    /// Reads JSON, and whether another page follows.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
    ) -> Result<(T, bool), ForgeError> {
        let answer = self.send(Method::GET, (path, query), None, ANSWER_BYTES).await?;
        let more = has_next(&answer.headers);
        let value = serde_json::from_slice(&answer.body)
            .map_err(|error| ForgeError::Unreachable(format!("its answer is not understood: {error}")))?;
        Ok((value, more))
    }

    /// Reads bytes as they are; `None` when there are none.
    pub(super) async fn bytes(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, ForgeError> {
        match self.send(Method::GET, (path, query), None, max_bytes).await {
            Ok(answer) => Ok(Some(answer.body.to_vec())),
            Err(ForgeError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes something; what is answered is not needed.
    pub(super) async fn change(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<(), ForgeError> {
        self.send(method, (path, &[]), body, ANSWER_BYTES).await?;
        Ok(())
    }

    async fn send(
        &self,
        method: Method,
        (path, query): (&[&str], &[(&str, String)]),
        body: Option<Value>,
        max_bytes: usize,
    ) -> Result<Answer, ForgeError> {
        let mut request = self.http.request(method, self.address(path)?);
        request = request
            .bearer_auth(self.token.expose_secret())
            .header("accept", self.accept)
            .header("user-agent", concat!("circle/", env!("CARGO_PKG_VERSION")))
            .timeout(ANSWER_TIME);
        if !query.is_empty() {
            request = request.query(query);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = read(response, max_bytes).await?;
        match refusal(status, &headers, &body) {
            None => Ok(Answer { headers, body }),
            Some(error) => Err(error),
        }
    }

    /// Each part is one segment, however it is written.
    fn address(&self, path: &[&str]) -> Result<Url, ForgeError> {
        let mut url = self.base.clone();
        url.path_segments_mut()
            .map_err(|()| ForgeError::Refused("its address can have no path".into()))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }
}

async fn read(response: reqwest::Response, max_bytes: usize) -> Result<Bytes, ForgeError> {
    let mut body = BytesMut::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(unreachable)?;
        if body.len() + chunk.len() > max_bytes {
            return Err(ForgeError::Refused(format!(
                "its answer has more than {max_bytes} bytes"
            )));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// The address may stand in such an error, never the token: that is a header.
fn unreachable(error: reqwest::Error) -> ForgeError {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    ForgeError::Unreachable(text)
}

fn refusal(status: u16, headers: &HeaderMap, body: &[u8]) -> Option<ForgeError> {
    let number = |name: &str| -> Option<u64> { headers.get(name)?.to_str().ok()?.parse().ok() };
    let is_spent = number("x-ratelimit-remaining") == Some(0) || headers.contains_key("retry-after");
    Some(match status {
        200..=299 => return None,
        401 => ForgeError::Token,
        403 | 429 if status == 429 || is_spent => {
            let pause = number("retry-after").map_or(BUSY, Duration::from_secs);
            ForgeError::Busy(pause.min(LONGEST_BUSY))
        }
        403 => ForgeError::Forbidden(message(body)),
        404 => ForgeError::NotFound,
        300..=399 => ForgeError::Refused(format!(
            "it leads elsewhere ({status}): give the address that it leads to"
        )),
        400..=499 => ForgeError::Refused(message(body)),
        _ => ForgeError::Unreachable(format!("it answers {status}")),
    })
}

/// What the forge says of its refusal, cut and on one line.
fn message(body: &[u8]) -> String {
    let said = serde_json::from_slice::<Value>(body).ok();
    let said = said
        .as_ref()
        .and_then(|value| value.get("message").or_else(|| value.get("error")));
    let text = match said {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => "without a reason".into(),
    };
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MESSAGE_CHARS).collect()
}

/// RFC 8288, as all of them send it; GitLab also says `x-next-page`.
fn has_next(headers: &HeaderMap) -> bool {
    let links = headers.get_all("link");
    links
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|text| text.contains("rel=\"next\""))
}
