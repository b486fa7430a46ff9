//! Calls of Gitea and Forgejo.

use axum::http::HeaderMap;

use crate::forge::github_like;
use crate::forge::notice::{Notice, Unreadable, What, header};

/// `X-Gitea-Event` says what it is; a test of the hook is a push like every other.
pub(in crate::forge) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Notice, Unreadable> {
    match header(headers, "x-gitea-event").unwrap_or_default() {
        "push" => github_like::push(body),
        "pull_request" | "pull_request_sync" | "pull_request_label" => github_like::pull(body),
        other => github_like::other(body, What::Unknown(other.to_owned())),
    }
}
