//! What came back.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};

/// An answer of whatever status, its body read to the end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// As it was said.
    pub status: StatusCode,
    /// Of the last answer, when there were redirects.
    pub headers: HeaderMap,
    /// Within the request's bounds.
    pub body: Bytes,
}

impl Answer {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}
