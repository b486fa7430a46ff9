//! Which handler of the protocol answers where.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use circle_api::worker::MAX_LOG_REQUEST_BYTES;

use super::{claim, enrol, events, heartbeat, log, orders, outputs, roots};
use crate::http::shell;
use crate::limits;
use crate::server::Server;

/// Every route of the protocol with its method; a test holds it against the credential each wants.
pub const ROUTES: &[(&str, &str)] = &[
    ("POST", "/worker/v1/enrol"),
    ("GET", "/worker/v1/orders"),
    ("GET", "/worker/v1/shells/{shell}"),
    ("POST", "/worker/v1/roots/{question}"),
    ("POST", "/worker/v1/runs/{run}/claim"),
    ("POST", "/worker/v1/runs/{run}/heartbeat"),
    ("POST", "/worker/v1/runs/{run}/events"),
    ("POST", "/worker/v1/runs/{run}/log"),
    ("PUT", "/worker/v1/runs/{run}/outputs/{stage}"),
    ("GET", "/worker/v1/runs/{run}/outputs/{stage}"),
];

/// The routes of workers.
pub(in crate::http) fn router() -> Router<Arc<Server>> {
    let small = DefaultBodyLimit::max(limits::WORKER_BODY_BYTES);
    Router::new()
        .route("/worker/v1/enrol", post(enrol::enrol).layer(small))
        .route("/worker/v1/orders", get(orders::orders))
        .route("/worker/v1/shells/{shell}", get(shell::answer))
        .route("/worker/v1/roots/{question}", post(roots::roots).layer(small))
        .route("/worker/v1/runs/{run}/claim", post(claim::claim).layer(small))
        .route(
            "/worker/v1/runs/{run}/heartbeat",
            post(heartbeat::heartbeat).layer(small),
        )
        .route("/worker/v1/runs/{run}/events", post(events::events).layer(small))
        .route(
            "/worker/v1/runs/{run}/log",
            post(log::log).layer(DefaultBodyLimit::max(MAX_LOG_REQUEST_BYTES)),
        )
        // The blob store counts the bytes of an output against its own bound.
        .route(
            "/worker/v1/runs/{run}/outputs/{stage}",
            get(outputs::fetch)
                .put(outputs::keep)
                .layer(DefaultBodyLimit::disable()),
        )
}
