//! The calls about one run, under its own token and its lease.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use circle_api::worker::{
    Assignment, Claim, Events, EventsAnswer, FENCE_HEADER, Heartbeat, HeartbeatAnswer, LogAnswer, RootReport,
    RootsAnswer, SecretValue, Stored,
};
use circle_core::ids::{QuestionId, RunId};
use futures_util::StreamExt;
use reqwest::{Method, RequestBuilder};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use super::connection::{CALL_LIMIT, CallError, Connection, answer, send};

/// An output may take so long to go or come.
const OUTPUT_LIMIT: Duration = Duration::from_secs(1_800);

/// Calls about one run. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RunCalls {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    connection: Connection,
    run: RunId,
    part: usize,
    attempt: u32,
    fence: u64,
    token: SecretValue,
}

impl RunCalls {
    pub(crate) fn new(connection: Connection, assignment: &Assignment) -> Self {
        let shared = Shared {
            connection,
            run: assignment.run,
            part: assignment.part,
            attempt: assignment.attempt,
            fence: assignment.fence,
            token: assignment.run_token.clone(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    pub(crate) fn part(&self) -> usize {
        self.shared.part
    }

    pub(crate) fn attempt(&self) -> u32 {
        self.shared.attempt
    }

    pub(crate) async fn heartbeat(&self) -> Result<HeartbeatAnswer, CallError> {
        answer(self.request(Method::POST, "heartbeat").json(&Heartbeat {})).await
    }

    pub(crate) async fn events(&self, events: &Events) -> Result<EventsAnswer, CallError> {
        answer(self.request(Method::POST, "events").json(events)).await
    }

    /// Sends frames; see `circle_api::worker::frames`.
    pub(crate) async fn log(&self, body: Bytes) -> Result<LogAnswer, CallError> {
        let request = self
            .request(Method::POST, "log")
            .header("content-type", "application/octet-stream");
        answer(request.body(body)).await
    }

    pub(crate) async fn store(&self, stage: &str, tar: &Path) -> Result<Stored, CallError> {
        let later = |error: std::io::Error| CallError::Later(error.to_string());
        let file = tokio::fs::File::open(tar).await.map_err(later)?;
        let length = file.metadata().await.map_err(later)?.len();
        let request = self
            .request(Method::PUT, &format!("outputs/{}", segment(stage)))
            .timeout(OUTPUT_LIMIT)
            .header("content-type", "application/x-tar")
            .header("content-length", length)
            .body(reqwest::Body::wrap_stream(ReaderStream::new(file)));
        let response = send(request).await?;
        response
            .json()
            .await
            .map_err(|error| CallError::Later(error.without_url().to_string()))
    }

    pub(crate) async fn fetch(&self, stage: &str, tar: &Path) -> Result<(), CallError> {
        let later = |error: std::io::Error| CallError::Later(error.to_string());
        let request = self
            .request(Method::GET, &format!("outputs/{}", segment(stage)))
            .timeout(OUTPUT_LIMIT);
        let mut pieces = send(request).await?.bytes_stream();
        let mut file = tokio::fs::File::create(tar).await.map_err(later)?;
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| CallError::Later(error.without_url().to_string()))?;
            file.write_all(&piece).await.map_err(later)?;
        }
        file.flush().await.map_err(later)
    }

    fn request(&self, method: Method, what: &str) -> RequestBuilder {
        let shared = &self.shared;
        let path = format!("/runs/{}/{what}", shared.run);
        shared
            .connection
            .request(method, &path, &shared.token)
            .header(FENCE_HEADER, shared.fence)
            .timeout(CALL_LIMIT)
    }
}

/// A stage's name as one segment of a path.
fn segment(stage: &str) -> String {
    url::form_urlencoded::byte_serialize(stage.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

/// Answers an offer.
pub(crate) async fn claim(
    connection: &Connection,
    token: &SecretValue,
    run: RunId,
    part: usize,
) -> Result<Assignment, CallError> {
    let request = connection.request(Method::POST, &format!("/runs/{run}/claim"), token);
    answer(request.json(&Claim { part })).await
}

/// Answers a question about golden roots.
pub(crate) async fn tell_roots(
    connection: &Connection,
    token: &SecretValue,
    question: QuestionId,
    roots: Vec<RootReport>,
) -> Result<(), CallError> {
    let request = connection.request(Method::POST, &format!("/roots/{question}"), token);
    send(request.timeout(CALL_LIMIT).json(&RootsAnswer { roots })).await?;
    Ok(())
}
