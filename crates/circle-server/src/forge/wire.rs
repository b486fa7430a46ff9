//! Requests to a forge: bounded, with the token for its host alone, errors sorted by what a caller can do.

use std::time::Duration;

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue, Method};
use bytes::Bytes;
use circle_net::{Bounds, Net, NetError, Request};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::ForgeError;

/// A page of repositories or files is a few hundred kilobytes.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// A forge that takes longer is down for us.
const ANSWER_TIME: Duration = Duration::from_secs(20);
/// Questions are asked once more when nobody answered.
const REPEATS: u32 = 1;
/// When it says that it is busy, but not for how long.
const BUSY: Duration = Duration::from_secs(60);
/// The longest that a forge can ask us to wait.
const LONGEST_BUSY: Duration = Duration::from_secs(3600);
/// What is told of a refusal.
const MESSAGE_CHARS: usize = 200;

/// A forge's API with somebody's token.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    net: Net,
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
    pub(super) fn new(net: Net, base: Url, token: SecretString, accept: &'static str) -> Self {
        Self {
            net,
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
        let mut address = self.address(path)?;
        if !query.is_empty() {
            address.query_pairs_mut().extend_pairs(query);
        }
        let repeats = if method == Method::GET { REPEATS } else { 0 };
        let mut request = Request::new(method, address.as_str())
            .and_then(|request| request.bearer(&self.token))
            .map_err(ForgeError::from)?
            .header(ACCEPT, HeaderValue::from_static(self.accept))
            .repeat(repeats)
            .bounds(Bounds {
                time: ANSWER_TIME,
                answer_bytes: max_bytes,
            });
        if let Some(body) = body {
            request = request.body("application/json", body.to_string());
        }
        let answer = self.net.send(request).await?;
        match refusal(answer.status.as_u16(), &answer.headers, &answer.body) {
            None => Ok(Answer {
                headers: answer.headers,
                body: answer.body,
            }),
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

impl From<NetError> for ForgeError {
    fn from(error: NetError) -> Self {
        match error {
            temporary if temporary.is_temporary() => Self::Unreachable(temporary.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
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
