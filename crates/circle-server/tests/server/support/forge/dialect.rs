//! A request, taken apart; answers, put together.

use std::collections::HashMap;

use axum::Json;
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// What was asked.
pub(super) struct Asked {
    pub(super) method: Method,
    /// Decoded segments after `/api/vN`.
    pub(super) path: Vec<String>,
    pub(super) query: HashMap<String, String>,
    pub(super) body: Value,
    /// Names the list that is known.
    pub(super) mark: Option<String>,
}

impl Asked {
    pub(super) fn of(parts: &Parts, body: &[u8]) -> Self {
        let segments = parts.uri.path().split('/').skip(3);
        let decoded = |text: &str| {
            let plain = percent_encoding::percent_decode_str(text);
            plain.decode_utf8_lossy().into_owned()
        };
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
        Self {
            method: parts.method.clone(),
            path: segments.map(decoded).collect(),
            query: query.into_owned().collect(),
            body: serde_json::from_slice(body).unwrap_or_default(),
            mark: parts
                .headers
                .get("if-none-match")
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
        }
    }

    pub(super) fn segments(&self) -> Vec<&str> {
        self.path.iter().map(String::as_str).collect()
    }

    /// A page of a list, with a link to the next one where there is one.
    pub(super) fn page(&self, items: Vec<Value>, size: &str) -> Response {
        let number = |name: &str| self.query.get(name).and_then(|text| text.parse::<usize>().ok());
        let (page, size) = (number("page").unwrap_or(1), number(size).unwrap_or(20).min(100));
        let more = items.len() > page * size;
        let part: Vec<Value> = items.into_iter().skip((page - 1) * size).take(size).collect();
        let mut response = Json(part).into_response();
        if more {
            let link = format!("<http://x/?page={}>; rel=\"next\"", page + 1);
            response.headers_mut().insert("link", link.parse().expect("a header"));
        }
        response
    }
}

/// The same list with its name, or nothing when it is known by that name.
pub(super) async fn marked(response: Response, known: Option<&str>) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.expect("a list");
    let mark = format!("W/\"{}\"", hex::encode(Sha256::digest(&body)));
    if known == Some(mark.as_str()) {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    parts.headers.insert("etag", mark.parse().expect("a header"));
    Response::from_parts(parts, body.into())
}

pub(super) fn json(value: Value) -> Response {
    Json(value).into_response()
}

pub(super) fn missing() -> Response {
    StatusCode::NOT_FOUND.into_response()
}
