//! Calls of GitHub.

use axum::http::HeaderMap;

use crate::forge::github_like;
use crate::forge::notice::{Notice, Unreadable, What, header};

/// `X-GitHub-Event` says what it is.
pub(in crate::forge) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Notice, Unreadable> {
    match header(headers, "x-github-event").unwrap_or_default() {
        "ping" => github_like::other(body, What::Ping),
        "push" => github_like::push(body),
        "pull_request" => github_like::pull(body),
        other => github_like::other(body, What::Unknown(other.to_owned())),
    }
}
