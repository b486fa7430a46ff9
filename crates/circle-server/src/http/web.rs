//! The web page: files that are embedded in the binary. They hold nobody's data; what they show, they ask the API for.

use axum::Router;
use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use circle_api::routes;

use super::ApiError;

/// The addresses of pages. All of them are the one document, whose script looks at the address.
pub(super) const PAGES: &[&str] = &[
    "/",
    "/sign-in",
    routes::SIGN_IN_BACK,
    "/join",
    routes::ACCOUNT_PAGE,
    "/runs/{run}",
    "/services",
    "/workers",
    "/workspaces",
    "/w/{workspace}",
    "/w/{workspace}/services",
    "/w/{workspace}/services/{service}",
    "/w/{workspace}/forges",
    "/w/{workspace}/forges/{forge}",
];
/// What a document loads.
const ASSETS: &str = "/assets/{name}";
/// A document may load what this server serves, and nothing else: no inline script, no frame, no other host.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// The name of an asset changes with what is in it.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// One embedded file.
struct Asset {
    name: &'static str,
    plain: &'static [u8],
    /// The same through gzip.
    packed: &'static [u8],
}

const FILES: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// The pages and what they load.
pub(super) fn pages<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let router = PAGES
        .iter()
        .fold(Router::new(), |router, page| router.route(page, get(document)));
    router.route(ASSETS, get(asset))
}

async fn document(headers: HeaderMap) -> Response {
    match shown(&headers) {
        Some(document) => document,
        None => (
            StatusCode::NOT_FOUND,
            "This server was built without its web page: run `make web`, then build it again.\nThe API is at /api/docs.\n",
        )
            .into_response(),
    }
}

/// The document; none in a server that was built without its page.
pub(super) fn shown(headers: &HeaderMap) -> Option<Response> {
    find("index.html").map(|file| serve(file, headers, "no-cache"))
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match find(&format!("assets/{name}")) {
        Some(file) => serve(file, &headers, FOR_EVER),
        None => ApiError::NoRoute.into_response(),
    }
}

fn find(name: &str) -> Option<&'static Asset> {
    FILES.iter().find(|file| file.name == name)
}

fn serve(file: &'static Asset, headers: &HeaderMap, keep: &'static str) -> Response {
    let takes_gzip = headers
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|text| {
            text.split(',')
                .any(|word| word.trim().split(';').next() == Some("gzip"))
        });
    let mut response = if takes_gzip { file.packed } else { file.plain }.into_response();
    let mut set = |name: HeaderName, value: &'static str| {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    };
    set(CONTENT_TYPE, content_type(file.name));
    set(CACHE_CONTROL, keep);
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(VARY, "accept-encoding");
    if takes_gzip {
        set(CONTENT_ENCODING, "gzip");
    }
    response
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
