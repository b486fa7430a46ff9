//! Requests to a forge: bounded, with the token for its host alone, errors sorted by what a caller can do.

use std::time::Duration;

use axum::http::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use circle_net::{Bounds, Net, NetError, Request};
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use super::page::{Listed, PAGES};
use super::{ForgeError, PullsWish};
use crate::time::now_ms;

/// A page of repositories or files is a few hundred kilobytes.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// All pages of a list together: a thousand pull requests with long descriptions.
const LIST_BYTES: usize = 32 * 1024 * 1024;
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
    keeps_marks: bool,
}

/// Where something lies.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    path: &'a [&'a str],
    query: &'a [(&'a str, String)],
    /// What is there is not wanted if it is still what came with this.
    mark: Option<&'a str>,
}

/// An answer that is none of the errors.
#[derive(Debug)]
pub(super) struct Answer {
    /// It is still what came with the mark.
    is_same: bool,
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
            keeps_marks: false,
        }
    }

    /// The forge's word that a list did not change can be relied on, and costs less than the list.
    pub(super) fn keeping_marks(mut self) -> Self {
        self.keeps_marks = true;
        self
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
        let place = Place {
            path,
            query,
            mark: None,
        };
        let answer = self.send(Method::GET, place, None, ANSWER_BYTES).await?;
        Ok((parsed(&answer.body)?, has_next(&answer.headers)))
    }

    /// Reads a list of JSON to its end, a page at a time.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        wish: PullsWish<'_>,
    ) -> Result<Listed<T>, ForgeError> {
        let (mut items, mut mark, mut read) = (Vec::new(), None, 0);
        for page in 1..=PAGES {
            let query: Vec<_> = query.iter().cloned().chain([("page", page.to_string())]).collect();
            let place = Place {
                path,
                query: &query,
                mark: wish.mark.filter(|_| page == 1 && self.keeps_marks),
            };
            let answer = self.send(Method::GET, place, None, ANSWER_BYTES).await?;
            if answer.is_same {
                return Ok(Listed::Same);
            }
            read += answer.body.len();
            if read > LIST_BYTES {
                break;
            }
            items.extend(parsed::<Vec<T>>(&answer.body)?);
            if items.len() > wish.max {
                break;
            }
            if !has_next(&answer.headers) {
                // A mark is of one page: of a list of several it would say nothing.
                if page == 1 && self.keeps_marks {
                    mark = text_of(&answer.headers, ETAG.as_str()).map(str::to_owned);
                }
                return Ok(Listed::All { items, mark });
            }
        }
        Ok(Listed::TooMany)
    }

    /// Reads bytes as they are; `None` when there are none.
    pub(super) async fn bytes(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        max_bytes: usize,
    ) -> Result<Option<Vec<u8>>, ForgeError> {
        let place = Place {
            path,
            query,
            mark: None,
        };
        match self.send(Method::GET, place, None, max_bytes).await {
            Ok(answer) => Ok(Some(answer.body.to_vec())),
            Err(ForgeError::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes something; what is answered is not needed.
    pub(super) async fn change(&self, method: Method, path: &[&str], body: Option<Value>) -> Result<(), ForgeError> {
        let place = Place {
            path,
            query: &[],
            mark: None,
        };
        self.send(method, place, body, ANSWER_BYTES).await?;
        Ok(())
    }

    async fn send(
        &self,
        method: Method,
        place: Place<'_>,
        body: Option<Value>,
        max_bytes: usize,
    ) -> Result<Answer, ForgeError> {
        let mut address = self.address(place.path)?;
        if !place.query.is_empty() {
            address.query_pairs_mut().extend_pairs(place.query);
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
        let mark = place.mark.and_then(|mark| HeaderValue::from_str(mark).ok());
        let is_marked = mark.is_some();
        if let Some(mark) = mark {
            request = request.header(IF_NONE_MATCH, mark);
        }
        let answer = self.net.send(request).await?;
        let is_same = is_marked && answer.status == StatusCode::NOT_MODIFIED;
        let refusal = refusal(answer.status.as_u16(), (&answer.headers, &answer.body), now_ms());
        match refusal.filter(|_| !is_same) {
            None => Ok(Answer {
                is_same,
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

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, ForgeError> {
    serde_json::from_slice(body)
        .map_err(|error| ForgeError::Unreachable(format!("its answer is not understood: {error}")))
}

fn text_of<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn refusal(status: u16, (headers, body): (&HeaderMap, &[u8]), now_ms: i64) -> Option<ForgeError> {
    let number = |name: &str| -> Option<u64> { text_of(headers, name)?.parse().ok() };
    let is_spent = number("x-ratelimit-remaining") == Some(0) || headers.contains_key("retry-after");
    Some(match status {
        200..=299 => return None,
        401 => ForgeError::Token,
        403 | 429 if status == 429 || is_spent => {
            let pause = number("retry-after").or_else(|| {
                // The second at which there is a fresh number of requests: of GitHub, and of GitLab.
                let fresh = number("x-ratelimit-reset").or_else(|| number("ratelimit-reset"))?;
                let now = u64::try_from(now_ms / 1_000).ok()?;
                Some(fresh.saturating_sub(now) + 1)
            });
            let pause = pause.map_or(BUSY, Duration::from_secs);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{BUSY, LONGEST_BUSY, refusal};
    use crate::forge::ForgeError;

    #[test]
    fn a_forge_that_wants_to_be_left_alone_says_for_how_long() {
        let pause = |status, pairs: &[(&'static str, &'static str)]| {
            let pair = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            let headers: HeaderMap = pairs.iter().map(pair).collect();
            match refusal(status, (&headers, b"{}"), 1_000_000) {
                Some(ForgeError::Busy(pause)) => Some(pause),
                _ => None,
            }
        };
        let seconds = |count| Some(Duration::from_secs(count));
        assert_eq!(pause(429, &[]), Some(BUSY));
        assert_eq!(pause(429, &[("retry-after", "7")]), seconds(7));
        assert_eq!(
            pause(403, &[("retry-after", "7"), ("x-ratelimit-reset", "9999")]),
            seconds(7)
        );
        let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1090")];
        assert_eq!(pause(403, &spent), seconds(91));
        assert_eq!(
            pause(429, &[("ratelimit-reset", "900")]),
            seconds(1),
            "it was a moment ago"
        );
        assert_eq!(pause(429, &[("ratelimit-reset", "9999999")]), Some(LONGEST_BUSY));
        assert_eq!(pause(403, &[("x-ratelimit-remaining", "12")]), None);
    }
}
