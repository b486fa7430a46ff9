//! Calls of the engine's API with raw JSON, and what their answers mean.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use http::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::endpoint::Endpoint;
use crate::deploy::port::{RegistryLogin, TargetError};

/// The largest answer that is read, in bytes: a service with a hundred tasks has some hundred kilobytes.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// As much of the engine's own words as a person is shown, in characters.
const SHOWN_CHARS: usize = 300;

impl Endpoint {
    /// A call without side effects.
    pub(super) async fn read(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, TargetError> {
        let request = self.client.get(format!("{}{path}", self.base)).query(query);
        self.send(Method::GET, request).await
    }

    /// As [`Endpoint::read`], with `None` for 404.
    pub(super) async fn find(&self, path: &str, query: &[(&str, &str)]) -> Result<Option<Value>, TargetError> {
        match self.read(path, query).await {
            Ok(value) => Ok(Some(value)),
            Err(TargetError::Refused { why }) if why.starts_with(NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A call that changes something.
    pub(super) async fn write(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: &Value,
        login: Option<&RegistryLogin>,
    ) -> Result<Value, TargetError> {
        let mut request = self.client.post(format!("{}{path}", self.base)).query(query).json(body);
        if let Some(login) = login {
            request = request.header("x-registry-auth", registry_auth(login));
        }
        self.send(Method::POST, request).await
    }

    async fn send(&self, method: Method, request: reqwest::RequestBuilder) -> Result<Value, TargetError> {
        let mut response = request.send().await.map_err(|error| broken(&error))?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| broken(&error))? {
            body.extend_from_slice(&piece);
            if body.len() > MAX_ANSWER_BYTES {
                return Err(TargetError::Refused {
                    why: "the target's answer is larger than 16 MiB".into(),
                });
            }
        }
        if status.is_success() {
            return Ok(serde_json::from_slice(&body).unwrap_or(Value::Null));
        }
        Err(meaning(&method, status, &message(&body)))
    }
}

/// What stands before the engine's words when it answered 404.
const NOT_FOUND: &str = "the target does not know it: ";

/// The engine answers 500 for what others call a conflict, so its words count before its numbers.
fn meaning(method: &Method, status: StatusCode, said: &str) -> TargetError {
    let lower = said.to_lowercase();
    if lower.contains("update out of sequence") || lower.contains("name conflicts with an existing object") {
        return TargetError::Conflict;
    }
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => TargetError::Denied { why: said.to_owned() },
        StatusCode::NOT_FOUND => TargetError::Refused {
            why: format!("{NOT_FOUND}{said}"),
        },
        StatusCode::SERVICE_UNAVAILABLE if lower.contains("not a swarm manager") => TargetError::Refused {
            why: format!("the target is no Swarm manager: {said}"),
        },
        // The manager passes on what is wrong with a specification as 500 with these words.
        _ if status.is_client_error() || lower.contains("rpc error: code = invalidargument") => TargetError::Refused {
            why: format!("the target refuses: {said}"),
        },
        _ => TargetError::Unreachable {
            why: format!("{method} failed with {status}: {said}"),
        },
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

fn broken(error: &reqwest::Error) -> TargetError {
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
    TargetError::Unreachable {
        why: format!("the target could not be reached: {why}"),
    }
}

fn registry_auth(login: &RegistryLogin) -> String {
    let value = json!({
        "username": login.username,
        "password": login.password.expose_secret(),
        "serveraddress": login.address,
    });
    URL_SAFE.encode(value.to_string())
}

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};

    use super::meaning;
    use crate::deploy::port::TargetError;

    #[test]
    fn the_engine_s_words_count_before_its_numbers() {
        let read =
            |status: u16, said: &str| meaning(&Method::POST, StatusCode::from_u16(status).expect("a status"), said);
        let conflict = "rpc error: code = Unknown desc = update out of sequence";
        assert_eq!(read(500, conflict), TargetError::Conflict);
        assert_eq!(
            read(
                409,
                "rpc error: code = AlreadyExists desc = name conflicts with an existing object"
            ),
            TargetError::Conflict
        );
        assert!(matches!(read(400, "invalid"), TargetError::Refused { .. }));
        assert!(matches!(
            read(500, "rpc error: code = InvalidArgument desc = x"),
            TargetError::Refused { .. }
        ));
        assert!(matches!(
            read(503, "This node is not a swarm manager."),
            TargetError::Refused { .. }
        ));
        assert!(matches!(read(503, "starting"), TargetError::Unreachable { .. }));
        assert!(matches!(read(401, "no"), TargetError::Denied { .. }));
    }
}
