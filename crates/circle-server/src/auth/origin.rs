//! Where a request of a browser comes from.

use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue};
use url::{Position, Url};

use crate::http::ApiError;
use crate::server::Server;

/// Refuses a page of another site; a program tells no origin and is no page.
pub(crate) fn refuse_foreign(server: &Server, headers: &HeaderMap) -> Result<(), ApiError> {
    if headers.contains_key(ORIGIN) && !is_own_origin(headers, &server.config.url) {
        return Err(ApiError::ForeignSite);
    }
    Ok(())
}

/// Whether a page that asks was opened at another address than the configured one. A program tells no origin and is no page.
pub(crate) fn is_foreign_to(headers: &HeaderMap, configured: &str) -> bool {
    let said = headers
        .get(ORIGIN)
        .and_then(|value| Url::parse(value.to_str().ok()?).ok());
    let ours = |said: &Url| Url::parse(configured).is_ok_and(|url| url.origin() == said.origin());
    headers.contains_key(ORIGIN) && !said.is_some_and(|said| ours(&said))
}

/// Whether a request comes from a page of this server: its origin is the configured address, or names the very host
/// that the request was sent to. A browser always tells the origin of a WebSocket.
pub(crate) fn is_own_origin(headers: &HeaderMap, configured: &str) -> bool {
    let said = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let Some(origin) = said(ORIGIN).and_then(|text| Url::parse(text).ok()) else {
        return false;
    };
    if !matches!(origin.scheme(), "http" | "https") {
        return false;
    }
    let authority = &origin[Position::BeforeHost..Position::AfterPort];
    let ours = Url::parse(configured).is_ok_and(|url| url.origin() == origin.origin());
    ours || said(HOST) == Some(authority)
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::is_own_origin;

    #[test]
    fn sec_46_a_page_of_another_site_is_refused() {
        let from = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HeaderName::from_static("host"), host.parse().expect("a host"));
            if let Some(origin) = origin {
                headers.insert(
                    HeaderName::from_static("origin"),
                    HeaderValue::from_str(origin).expect("text"),
                );
            }
            is_own_origin(&headers, "https://ci.example.org")
        };
        assert!(from("127.0.0.1:8080", Some("http://127.0.0.1:8080")));
        assert!(from("inner:8080", Some("https://ci.example.org")), "behind a proxy");
        for origin in [
            "https://evil.example.org",
            "https://ci.example.org.evil.org",
            "null",
            "https://ci.example.org:8443",
            "file://",
        ] {
            assert!(!from("ci.example.org", Some(origin)), "{origin}");
        }
        assert!(!from("ci.example.org", None), "no browser leaves it out");
    }
}
