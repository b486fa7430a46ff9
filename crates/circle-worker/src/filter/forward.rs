//! A request on its way to the engine, and the answer back.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderMap, TRANSFER_ENCODING, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinSet;

use super::Refusal;
use crate::engine::{Body, Engine};

/// The body of an answer.
pub(super) type Answer = Response<UnsyncBoxBody<Bytes, std::io::Error>>;

/// Headers of one connection, which say nothing about the next.
const OF_A_CONNECTION: [http::HeaderName; 6] = [CONNECTION, UPGRADE, HOST, TRANSFER_ENCODING, CONTENT_LENGTH, EXPECT];
/// Others of the kind, without a name of their own.
const ALSO_OF_A_CONNECTION: [&str; 5] = ["keep-alive", "te", "trailer", "proxy-connection", "http2-settings"];

/// A request whose body is still with the job.
pub(super) struct Outbound {
    pub(super) method: http::Method,
    /// Path and query as the engine gets them.
    pub(super) target: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    /// What the job wants the connection to become.
    pub(super) upgrade: Option<(http::HeaderValue, hyper::upgrade::OnUpgrade)>,
}

/// Sends a request on. Connections that a request turns into live in `streams`, each in the place that its request had.
pub(super) async fn forward(
    engine: &Engine,
    outbound: Outbound,
    (streams, place): (&Mutex<JoinSet<()>>, Arc<OwnedSemaphorePermit>),
) -> Answer {
    let mut request = Request::builder()
        .method(outbound.method)
        .uri(outbound.target)
        .header(HOST, "engine");
    if let Some(headers) = request.headers_mut() {
        headers.extend(outbound.headers.into_iter().filter(|(name, _)| {
            name.as_ref()
                .is_none_or(|name| !OF_A_CONNECTION.contains(name) && !ALSO_OF_A_CONNECTION.contains(&name.as_str()))
        }));
        if let Some((protocol, _)) = &outbound.upgrade {
            headers.insert(CONNECTION, http::HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, protocol.clone());
        }
    }
    let request = match request.body(outbound.body) {
        Ok(request) => request,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    let (mut response, connection) = match engine.send(request).await {
        Ok(answer) => answer,
        Err(error) => return refused(StatusCode::BAD_GATEWAY, &error.to_string()),
    };
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return response.map(|body| {
            Held {
                body,
                _connection: connection,
            }
            .boxed_unsync()
        });
    }
    let Some((_, theirs)) = outbound.upgrade else {
        return refused(
            StatusCode::BAD_GATEWAY,
            "the engine turned a request into a stream that nobody asked for",
        );
    };
    let ours = hyper::upgrade::on(&mut response);
    let mut streams = streams.lock().unwrap_or_else(PoisonError::into_inner);
    while streams.try_join_next().is_some() {}
    streams.spawn(async move {
        let (_connection, _place) = (connection, place);
        if let (Ok(ours), Ok(theirs)) = tokio::join!(ours, theirs) {
            // Whoever closes first ends it; there is nobody to tell.
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(ours), &mut TokioIo::new(theirs)).await;
        }
    });
    drop(streams);
    response.map(|_| nothing())
}

/// A refusal as the engine words its own.
pub(super) fn refused(status: StatusCode, sentence: &str) -> Answer {
    let body = Bytes::from(json!({ "message": sentence }).to_string());
    let mut answer = Response::new(Full::new(body).map_err(|never| match never {}).boxed_unsync());
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    answer
}

/// The answer to what the filter does not let through.
pub(super) fn forbidden(refusal: &Refusal) -> Answer {
    refused(StatusCode::FORBIDDEN, &format!("refused by Circle: {}", refusal.0))
}

fn nothing() -> UnsyncBoxBody<Bytes, std::io::Error> {
    Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync()
}

/// A body together with the connection that it comes through.
struct Held {
    body: Incoming,
    _connection: JoinSet<()>,
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Pin::new(&mut self.body)
            .poll_frame(context)
            .map_err(std::io::Error::other)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
