//! Who asked for which change: written before a request is handled, settled after it.
//!
//! So there is no change by a caller of the API without its entry, whatever the handler does; an entry without a status tells
//! that the server ended in between. Bodies are not kept, only what they call the thing that is made.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use circle_core::ids::{AuditId, UserId};
use uuid::Uuid;

use super::ApiError;
use crate::auth::Caller;
use crate::limits::API_BODY_BYTES;
use crate::records::AuditRecord;
use crate::server::Server;
use crate::time::now_ms;

/// Longest address and name that are kept, in characters.
const MAX_CHARS: usize = 300;

/// Writes down what callers ask to change.
pub(super) async fn record(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    if matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    // Whoever is nobody is refused by the handler, or signs in there.
    let Ok(caller) = Caller::from_request_parts(&mut parts, &server).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let Ok(body) = to_bytes(body, API_BODY_BYTES).await else {
        return ApiError::TooLarge(format!("the body is larger than {API_BODY_BYTES} bytes")).into_response();
    };
    let entry = entry(&parts, &body, &caller);
    if let Err(error) = server.records.insert(&entry).await {
        return ApiError::from(error).into_response();
    }
    parts.extensions.insert(caller.clone());
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    settle(&server, &entry, &caller, response.status().as_u16()).await;
    response
}

/// Writes down what nobody's credential stands behind: signing in, and using a link up.
pub(super) async fn note(
    server: &Server,
    (actor, user): (&str, Option<UserId>),
    action: &str,
    status: u16,
) -> Result<(), ApiError> {
    let entry = AuditRecord {
        id: AuditId::from_uuid(Uuid::now_v7()),
        at: now_ms(),
        actor: actor.chars().take(MAX_CHARS).collect(),
        user,
        credential: None,
        action: action.to_owned(),
        path: String::new(),
        name: None,
        workspace: None,
        status: Some(status),
    };
    server.records.insert(&entry).await?;
    Ok(())
}

fn entry(parts: &Parts, body: &Bytes, caller: &Caller) -> AuditRecord {
    AuditRecord {
        id: AuditId::from_uuid(Uuid::now_v7()),
        at: now_ms(),
        actor: caller.name.clone(),
        user: caller.user(),
        credential: Some(caller.credential()),
        action: action(parts),
        path: parts.uri.path().chars().take(MAX_CHARS).collect(),
        name: name_in(body),
        workspace: None,
        status: None,
    }
}

async fn settle(server: &Server, entry: &AuditRecord, caller: &Caller, status: u16) {
    let set = |record: &mut AuditRecord| {
        (record.status, record.workspace) = (Some(status), caller.opened().workspace());
        Ok::<(), Infallible>(())
    };
    if let Err(error) = server.records.update(&entry.id.to_string(), set).await {
        tracing::warn!(%error, entry = %entry.id, status, "an entry of the audit was not settled");
    }
}

/// The operation by which the description calls the route.
fn action(parts: &Parts) -> String {
    static OPERATIONS: OnceLock<HashMap<String, String>> = OnceLock::new();
    let operations = OPERATIONS.get_or_init(operations);
    let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
    let key = format!("{} {route}", parts.method);
    operations.get(&key).cloned().unwrap_or(key)
}

fn operations() -> HashMap<String, String> {
    let described = serde_json::to_value(super::openapi()).unwrap_or_default();
    let mut all = HashMap::new();
    for (path, item) in described["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            if let Some(name) = operation["operationId"].as_str() {
                all.insert(format!("{} {path}", method.to_uppercase()), name.to_owned());
            }
        }
    }
    all
}

fn name_in(body: &Bytes) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let name = ["name", "service", "role"]
        .iter()
        .find_map(|field| body[*field].as_str())?;
    Some(name.chars().take(MAX_CHARS).collect())
}
