//! Every route, once: what is described, what workers use, what watches the process.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::get;
use circle_api::routes as paths;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::time_limit::time_limit;
use super::{
    ApiError, api, audit, describe, forge_hooks, health, hooks, live, metrics, oauth_page, once, shell, web, worker,
};
use crate::limits::{API_BODY_BYTES, HOOK_BODY_BYTES};
use crate::server::Server;

/// What answers without a token, each with its reason: liveness says nothing of anybody; the description is the same for
/// every Circle, and so are the pages; the one that forges send people back to changes nothing; hooks carry a signature;
/// signing in carries a password, and before it everybody is told which ways there are; a one-time link is its own credential;
/// enrolment carries its own token.
pub const PUBLIC: &[&str] = &[
    "/healthz",
    "/readyz",
    "/api/docs",
    "/api/v1/openapi.json",
    "/",
    "/sign-in",
    paths::SIGN_IN_BACK,
    "/join",
    paths::ACCOUNT_PAGE,
    "/runs/{run}",
    "/services",
    "/workers",
    "/workspaces",
    "/w/{workspace}",
    "/w/{workspace}/services",
    "/w/{workspace}/services/{service}",
    "/w/{workspace}/forges",
    "/w/{workspace}/forges/{forge}",
    "/assets/{name}",
    paths::HOOK,
    paths::FORGE_HOOK,
    paths::OAUTH_PAGE,
    paths::SIGN_IN_WAYS,
    "/worker/v1/enrol",
];

/// The whole server.
pub(crate) fn router(server: Arc<Server>) -> Router {
    let (described, api) = described(Some(&server)).split_for_parts();
    Router::new()
        .merge(described)
        .merge(worker::router())
        .route(paths::RUN_LIVE, get(live::live))
        .route(paths::RUN_SHELL, get(shell::open))
        .route(paths::HEALTH, get(health::live))
        .route(paths::OAUTH_PAGE, get(oauth_page::back))
        .route("/readyz", get(health::ready))
        .merge(describe::pages(api))
        .merge(web::pages())
        .fallback(|| async { ApiError::NoRoute })
        .method_not_allowed_fallback(|| async { ApiError::Method })
        .layer(from_fn_with_state(server.clone(), once::once))
        .layer(from_fn_with_state(server.clone(), metrics::count))
        .with_state(server)
        .layer(header("x-content-type-options", "nosniff"))
        .layer(header("cache-control", "no-store"))
        .layer(header("referrer-policy", "no-referrer"))
        .layer(CatchPanicLayer::custom(|_| {
            ApiError::Internal("a handler panicked".into()).into_response()
        }))
        .layer(TraceLayer::new_for_http().make_span_with(|request: &Request| {
            // The path carries names and ids only; queries and headers may carry more and are left out.
            tracing::debug_span!("request", method = %request.method(), path = request.uri().path())
        }))
}

/// The routes that stand in the description; with a server, what callers ask to change is written down.
pub(super) fn described(server: Option<&Arc<Server>>) -> OpenApiRouter<Arc<Server>> {
    let hooks = OpenApiRouter::new()
        .routes(routes!(hooks::git_hook))
        .layer(DefaultBodyLimit::max(HOOK_BODY_BYTES));
    let forge_hooks = OpenApiRouter::new().routes(routes!(forge_hooks::forge_hook));
    let api = api::router()
        .routes(routes!(shell::handlers::list))
        .routes(routes!(metrics::metrics));
    let api = match server {
        Some(server) => api.layer(from_fn_with_state(Arc::clone(server), audit::record)),
        None => api,
    };
    let api = api
        .layer(DefaultBodyLimit::max(API_BODY_BYTES))
        .layer(from_fn(time_limit));
    OpenApiRouter::with_openapi(describe::base())
        .merge(api)
        .merge(hooks)
        .merge(forge_hooks)
}

fn header(name: &'static str, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(HeaderName::from_static(name), HeaderValue::from_static(value))
}
