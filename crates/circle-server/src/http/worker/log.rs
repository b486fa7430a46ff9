//! A worker's log: chunks and marks of one request, all on the disk before the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use circle_api::worker::frames::{Frame, FrameHeader, decode};
use circle_api::worker::{LogAnswer, LogHole, MAX_CHUNK_BYTES};
use circle_core::ids::RunId;
use circle_store::logs::{Chunk, Entry, LogError, Mark, StreamId};

use crate::auth::RunLease;
use crate::http::{ApiError, RawBody};
use crate::limits::{LOG_LAST_WORDS_BYTES, MARKS_OF_A_STREAM};
use crate::runs::{MarkBook, kind_of};
use crate::server::Server;

/// Appends what is new. A hole is answered with the place to go on from.
pub(super) async fn log(
    State(server): State<Arc<Server>>,
    lease: RunLease,
    RawBody(body): RawBody,
) -> Result<Json<LogAnswer>, ApiError> {
    let frames = decode(body).map_err(|error| ApiError::Invalid(error.to_string()))?;
    let turn = server.log_desk.turn(lease.run.id);
    let mut book = turn.lock().await;
    let entries = entries(&server, &lease, &mut book, frames).await?;
    let before = lengths(&server, lease.run.id).await?;
    let own = before.iter().filter(|(stream, _)| stream.attempt == lease.attempt);
    check_size(own, &entries, server.config.log.run_bytes)?;
    match server.log_bus.append(&lease.run.id.to_string(), entries).await {
        Ok(appended) => {
            let known = |stream: &StreamId| {
                before
                    .iter()
                    .find(|(id, _)| id == stream)
                    .map_or(0, |(_, length)| *length)
            };
            let stored = appended
                .streams
                .iter()
                .map(|end| end.length.saturating_sub(known(&end.stream)));
            Ok(Json(LogAnswer {
                stored_bytes: stored.sum(),
            }))
        }
        Err(error) => {
            // What the book promised was not kept: it is read anew.
            server.log_desk.forget(lease.run.id);
            Err(refusal(error))
        }
    }
}

async fn entries(
    server: &Server,
    lease: &RunLease,
    book: &mut MarkBook,
    frames: Vec<Frame>,
) -> Result<Vec<Entry>, ApiError> {
    let mut entries = Vec::with_capacity(frames.len());
    for frame in frames {
        match frame.header {
            FrameHeader::Chunk {
                stage,
                attempt,
                sequence,
                offset,
                ..
            } => {
                if frame.bytes.len() > MAX_CHUNK_BYTES {
                    return Err(ApiError::TooLarge(format!(
                        "a chunk has at most {MAX_CHUNK_BYTES} bytes"
                    )));
                }
                let stream = stream(lease, stage, attempt)?;
                entries.push(Entry::Chunk(Chunk {
                    stream,
                    sequence,
                    offset,
                    bytes: frame.bytes,
                }));
            }
            FrameHeader::Mark {
                stage,
                attempt,
                offset,
                mark,
            } => {
                let stream = stream(lease, stage, attempt)?;
                let number = book
                    .number(server.log_archive.as_ref(), lease.run.id, &stream, &mark)
                    .await?;
                let Some(sequence) = number else { continue };
                if sequence >= MARKS_OF_A_STREAM {
                    return Err(ApiError::TooLarge(format!(
                        "a stage has at most {MARKS_OF_A_STREAM} marks"
                    )));
                }
                let data = serde_json::to_value(&mark).map_err(|error| ApiError::Internal(error.to_string()))?;
                entries.push(Entry::Mark(Mark {
                    stream,
                    sequence,
                    offset,
                    kind: kind_of(&mark).into(),
                    data,
                }));
            }
        }
    }
    Ok(entries)
}

/// A worker keeps its runs within the bound itself; one that does not fills no disk.
fn check_size<'a>(
    before: impl Iterator<Item = &'a (StreamId, u64)>,
    entries: &'a [Entry],
    run_bytes: u64,
) -> Result<(), ApiError> {
    let mut lengths: BTreeMap<&StreamId, u64> = before.map(|(stream, length)| (stream, *length)).collect();
    for entry in entries {
        if let Entry::Chunk(chunk) = entry {
            let end = chunk.offset.saturating_add(chunk.bytes.len() as u64);
            let length = lengths.entry(&chunk.stream).or_default();
            *length = end.max(*length);
        }
    }
    let all = lengths.values().fold(0_u64, |all, length| all.saturating_add(*length));
    if all <= run_bytes.saturating_add(LOG_LAST_WORDS_BYTES) {
        return Ok(());
    }
    Err(ApiError::TooLarge(format!(
        "the run's log would have {all} bytes, it may have {run_bytes}: the run prints too much, or its worker does not count"
    )))
}

/// Only stages of the plan, only the attempt that the lease is of.
fn stream(lease: &RunLease, stage: String, attempt: u32) -> Result<StreamId, ApiError> {
    if attempt != lease.attempt {
        let message = format!(
            "the log is of attempt {attempt}, the lease of attempt {}",
            lease.attempt
        );
        return Err(ApiError::Invalid(message));
    }
    if !lease.run.stages.iter().any(|known| known.name == stage) {
        return Err(ApiError::Invalid(format!(
            "the run has no stage \"{}\"",
            stage.chars().take(80).collect::<String>()
        )));
    }
    Ok(StreamId::new(stage, attempt))
}

async fn lengths(server: &Server, run: RunId) -> Result<Vec<(StreamId, u64)>, ApiError> {
    let streams = server.log_archive.streams(&run.to_string()).await?;
    Ok(streams.into_iter().map(|info| (info.stream, info.length)).collect())
}

fn refusal(error: LogError) -> ApiError {
    match error {
        // Chunks are numbered by their place, so a sequence of 0 with the offset says all that is needed.
        LogError::Hole { stream, expected, .. } => ApiError::Hole(LogHole {
            stage: stream.stage,
            expected_sequence: 0,
            expected_offset: expected,
        }),
        other => other.into(),
    }
}
