//! A call that makes something, sent again, is answered again and makes nothing more: the header `Idempotency-Key`.
//!
//! Promises: the same key with the same call from the same credential gets the first answer for [`ANSWER_KEPT_MS`]; with
//! another call it is refused. Two at the same time wait for each other, and a caller who hangs up does not end the work.
//! Only what succeeded is remembered: what was refused may be mended and sent again. Absences: a server that dies between
//! the work and the note of it has forgotten the key; another server's work at the same moment is not waited for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex as TurnLock;
use tokio_util::task::TaskTracker;

use super::ApiError;
use crate::auth::Caller;
use crate::limits::{ANSWER_KEPT_MS, API_BODY_BYTES, KEPT_ANSWER_BYTES};
use crate::records::{AnswerRecord, KeptAnswer};
use crate::server::Server;
use crate::time::now_ms;

/// The header of the caller.
pub(crate) const KEY: &str = "idempotency-key";
/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, in characters.
const KEY_CHARS: usize = 200;

/// Whose turn it is with a key, and the work that goes on without its caller.
#[derive(Debug, Default)]
pub(crate) struct Once {
    turns: Mutex<HashMap<String, Arc<TurnLock<()>>>>,
    work: TaskTracker,
}

impl Once {
    fn turn(&self, id: &str) -> Arc<TurnLock<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        // Locks that nobody holds or waits for are only here.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(id.to_owned()).or_default())
    }

    /// Waits for the work that is under way; for the end of the server.
    pub(crate) async fn finished(&self) {
        self.work.close();
        self.work.wait().await;
    }
}

/// What a call with a key is, in values that tell nothing of it.
#[derive(Debug)]
struct Asked {
    /// Of the credential and the key.
    id: String,
    /// Of the credential and the key too: opens the answer, and is never kept.
    secret: [u8; 32],
    /// Of everything that was asked.
    what: String,
}

/// Answers a call with a key once; others pass.
pub(super) async fn once(State(server): State<Arc<Server>>, request: Request, next: Next) -> Response {
    let is_ours = request.method() == Method::POST && request.uri().path().starts_with("/api/v1/");
    let key = request.headers().get(KEY).filter(|_| is_ours).cloned();
    match key {
        None => next.run(request).await,
        Some(key) => with_key(server, &key, request, next)
            .await
            .unwrap_or_else(IntoResponse::into_response),
    }
}

async fn with_key(server: Arc<Server>, key: &HeaderValue, request: Request, next: Next) -> Result<Response, ApiError> {
    let key = key.to_str().ok().filter(|key| (1..=KEY_CHARS).contains(&key.len()));
    let key = key.ok_or_else(|| ApiError::Invalid(format!("{KEY}: write 1 to {KEY_CHARS} characters of ASCII")))?;
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, API_BODY_BYTES).await;
    let body = body.map_err(|_| ApiError::TooLarge(format!("the body is larger than {API_BODY_BYTES} bytes")))?;
    let asked = asked(
        &parts.headers,
        key,
        &[parts.method.as_str(), &parts.uri.to_string()],
        &body,
    );
    let request = Request::from_parts(parts, Body::from(body));
    let worker = Arc::clone(&server);
    let work = async move { answer(&worker, &asked, request, next).await };
    let done = server.once.work.spawn(work).await;
    done.unwrap_or_else(|error| {
        Err(if error.is_panic() {
            ApiError::Internal("a handler panicked".into())
        } else {
            ApiError::Unavailable("the work was cut off".into())
        })
    })
}

async fn answer(server: &Arc<Server>, asked: &Asked, request: Request, next: Next) -> Result<Response, ApiError> {
    let turn = server.once.turn(&asked.id);
    let _ours = turn.lock().await;
    let known = server.records.load::<AnswerRecord>(&asked.id).await?;
    if let Some((known, version)) = known {
        if known.expires_at > now_ms() {
            still_known(server, request).await?;
            return replay(&known, asked);
        }
        server.records.delete::<AnswerRecord>(&asked.id, version).await?;
    }
    let response = next.run(request).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, KEPT_ANSWER_BYTES).await;
    let body = body.map_err(|_| ApiError::Internal("an answer to a key is too long to be kept".into()))?;
    let said = |name: HeaderName| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
    let given = KeptAnswer {
        status: parts.status.as_u16(),
        content_type: said(CONTENT_TYPE),
        location: said(LOCATION),
        body: String::from_utf8_lossy(&body).into_owned(),
    };
    keep(server, asked, &given).await;
    Ok(Response::from_parts(parts, Body::from(body)))
}

/// A credential that was revoked meanwhile is told nothing more, not even what it was told before.
async fn still_known(server: &Arc<Server>, request: Request) -> Result<(), ApiError> {
    let (mut parts, _) = request.into_parts();
    if ![AUTHORIZATION, COOKIE]
        .iter()
        .any(|name| parts.headers.contains_key(name))
    {
        return Ok(());
    }
    Caller::from_request_parts(&mut parts, server).await.map(drop)
}

/// The thing is made: that its answer could not be noted must not look like a failure.
async fn keep(server: &Server, asked: &Asked, given: &KeptAnswer) {
    let Some(sealed) = given.sealed(&asked.secret, &asked.what) else {
        return tracing::warn!("an answer to a key was not kept: it cannot be sealed");
    };
    let record = AnswerRecord {
        id: asked.id.clone(),
        asked: asked.what.clone(),
        sealed,
        expires_at: now_ms() + ANSWER_KEPT_MS,
    };
    if let Err(error) = server.records.insert(&record).await {
        tracing::warn!(%error, "an answer to a key was not kept");
    }
}

fn replay(known: &AnswerRecord, asked: &Asked) -> Result<Response, ApiError> {
    if known.asked != asked.what {
        return Err(ApiError::KeyUsed);
    }
    let answer = KeptAnswer::opened(&known.sealed, &asked.secret, &asked.what);
    let answer = answer.ok_or_else(|| ApiError::Internal("a kept answer cannot be opened".into()))?;
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    for (name, value) in [(CONTENT_TYPE, answer.content_type), (LOCATION, answer.location)] {
        if let Some(value) = value.and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

fn asked(headers: &HeaderMap, key: &str, call: &[&str], body: &[u8]) -> Asked {
    let credential = [AUTHORIZATION, COOKIE].map(|name| headers.get(name).map_or(&b""[..], HeaderValue::as_bytes));
    let of_key = |use_: &str| digest(&[use_.as_bytes(), credential[0], credential[1], key.as_bytes()]);
    let mut what: Vec<&[u8]> = call.iter().map(|part| part.as_bytes()).collect();
    what.push(body);
    Asked {
        id: hex::encode(of_key("circle-answer-id")),
        secret: of_key("circle-answer-key"),
        what: hex::encode(digest(&what)),
    }
}

/// Every part carries its length, so that no two lists have the same text.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}
