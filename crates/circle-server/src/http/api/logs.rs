//! Logs at rest: what there is, and the bytes of one stage, wholly or a range.

use std::ops::Range;
use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use circle_api::resources::{LogGroup, LogIndex, StageLog};
use circle_api::routes;
use circle_api::worker::frames::Mark;
use circle_core::ids::RunId;
use circle_store::logs::{LogArchive, LogError, MARKS_LIMIT, MarksQuery, Place, Read, StreamInfo};
use futures_util::stream;

use crate::auth::{Found, Viewer};
use crate::http::{ApiError, Segments};
use crate::limits::{LOG_GROUPS, LOG_SLICE_BYTES};
use crate::records::RunRecord;
use crate::server::Server;

/// The stages with a log, their lengths and groups.
#[utoipa::path(get, path = routes::RUN_LOG, tag = "logs", operation_id = "log_index", params(("run" = String, Path)), responses((status = 200, body = LogIndex)))]
pub(in crate::http) async fn index(
    State(server): State<Arc<Server>>,
    found: Found<RunRecord, Viewer>,
) -> Result<Json<LogIndex>, ApiError> {
    let RunRecord(run) = found.document;
    let id = run.id;
    let mut stages = Vec::new();
    for info in newest(server.log_archive.streams(&id.to_string()).await?) {
        let groups = groups(server.log_archive.as_ref(), id, &info).await?;
        stages.push(StageLog {
            stage: info.stream.stage,
            attempt: info.stream.attempt,
            bytes: info.length,
            lines: info.lines,
            groups,
        });
    }
    Ok(Json(LogIndex {
        stages,
        closed: run.state.is_ended(),
    }))
}

/// The bytes of one stage as they came. `Range: bytes=` gives a part.
#[utoipa::path(get, path = routes::STAGE_LOG, tag = "logs", operation_id = "stage_log", params(("run" = String, Path), ("stage" = String, Path), ("range" = Option<String>, Header, description = "`bytes=<first>-<last>`, `bytes=<first>-` or `bytes=-<last bytes>`")), responses((status = 200, body = String, content_type = "text/plain; charset=utf-8"), (status = 206, body = String, content_type = "text/plain; charset=utf-8")))]
pub(in crate::http) async fn stage(
    State(server): State<Arc<Server>>,
    _: Found<RunRecord, Viewer>,
    Segments((id, stage)): Segments<(RunId, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let streams = newest(server.log_archive.streams(&id.to_string()).await?);
    let info = streams.into_iter().find(|info| info.stream.stage == stage);
    let info = info.ok_or_else(|| ApiError::not_found("log of stage", &stage))?;
    let said = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let part = said.map(|text| range(text, info.length)).transpose()?.flatten();
    let whole = 0..info.length;
    let (status, bytes) = part.map_or((StatusCode::OK, whole), |part| (StatusCode::PARTIAL_CONTENT, part));
    let mut response = Body::from_stream(body(server, id, &info, bytes.clone())).into_response();
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    // What a job printed is never shown as a page of this server, whatever a browser takes it for.
    headers.insert(
        CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"stage.log\""),
    );
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.end - bytes.start));
    if status == StatusCode::PARTIAL_CONTENT {
        let text = format!("bytes {}-{}/{}", bytes.start, bytes.end - 1, info.length);
        headers.insert(
            CONTENT_RANGE,
            HeaderValue::try_from(text).map_err(|error| ApiError::Internal(error.to_string()))?,
        );
    }
    Ok(response)
}

/// The newest attempt of each stage, in the order in which stages appeared.
pub(crate) fn newest(streams: Vec<StreamInfo>) -> Vec<StreamInfo> {
    let mut newest: Vec<StreamInfo> = Vec::new();
    for info in streams {
        match newest.iter_mut().find(|known| known.stream.stage == info.stream.stage) {
            Some(known) if known.stream.attempt < info.stream.attempt => *known = info,
            Some(_) => {}
            None => newest.push(info),
        }
    }
    newest
}

async fn groups(archive: &dyn LogArchive, run: RunId, info: &StreamInfo) -> Result<Vec<LogGroup>, LogError> {
    let mut groups: Vec<LogGroup> = Vec::new();
    let mut skip = 0;
    loop {
        let stream = &info.stream;
        let query = MarksQuery {
            stage: Some(stream.stage.clone()),
            attempt: Some(stream.attempt),
            skip,
        };
        let marks = archive.marks(&run.to_string(), query).await?;
        skip += marks.len();
        let last = marks.len() < MARKS_LIMIT;
        for one in marks {
            let (at, line) = (one.mark.offset, one.line);
            match serde_json::from_value(one.mark.data) {
                Ok(Mark::Begin { group, title }) if groups.len() < LOG_GROUPS => groups.push(LogGroup {
                    group,
                    title: title.chars().take(1000).collect(),
                    from_offset: at,
                    from_line: line,
                    to_offset: None,
                    exit_code: None,
                    duration_ms: None,
                }),
                Ok(Mark::End {
                    group,
                    exit_code,
                    duration_ms,
                }) => end(&mut groups, group, (at, exit_code, duration_ms)),
                Ok(Mark::Begin { .. }) | Err(_) => {}
            }
        }
        if last {
            return Ok(groups);
        }
    }
}

fn end(groups: &mut [LogGroup], group: u32, (at, exit_code, duration_ms): (u64, Option<i64>, u64)) {
    // Groups end soon after they begin, so the search from the back is short.
    if let Some(known) = groups.iter_mut().rev().find(|known| known.group == group) {
        (known.to_offset, known.exit_code, known.duration_ms) = (Some(at), exit_code, Some(duration_ms));
    }
}

/// The bytes slice by slice: no more than one is in memory.
fn body(
    server: Arc<Server>,
    run: RunId,
    info: &StreamInfo,
    bytes: Range<u64>,
) -> impl futures_util::Stream<Item = Result<Bytes, LogError>> + Send + use<> {
    let stream_id = info.stream.clone();
    stream::try_unfold((server, bytes), move |(server, bytes)| {
        let stream_id = stream_id.clone();
        async move {
            if bytes.is_empty() {
                return Ok(None);
            }
            let most = usize::try_from(bytes.end - bytes.start)
                .unwrap_or(usize::MAX)
                .min(LOG_SLICE_BYTES);
            let read = Read::new(run.to_string(), stream_id.stage, Place::Byte(bytes.start));
            let slice = server
                .log_archive
                .read(read.attempt(stream_id.attempt).limit_bytes(most))
                .await?;
            if slice.bytes.is_empty() {
                return Ok(None);
            }
            let next = slice.next_offset()..bytes.end;
            Ok(Some((slice.bytes, (server, next))))
        }
    })
}

/// One range of RFC 9110; several ranges, or another unit, count as none. An empty or unreachable one is an error.
fn range(text: &str, length: u64) -> Result<Option<Range<u64>>, ApiError> {
    let Some(spec) = text.trim().strip_prefix("bytes=") else {
        return Ok(None);
    };
    let Some((first, last)) = spec.split_once('-').filter(|_| !spec.contains(',')) else {
        return Ok(None);
    };
    let outside = || ApiError::Range(spec.chars().take(60).collect());
    let range = match (first.trim(), last.trim()) {
        ("", last) => {
            let count: u64 = last.parse().map_err(|_| outside())?;
            length.saturating_sub(count)..length
        }
        (first, "") => first.parse().map_err(|_| outside())?..length,
        (first, last) => {
            let last: u64 = last.parse().map_err(|_| outside())?;
            first.parse().map_err(|_| outside())?..last.saturating_add(1).min(length)
        }
    };
    if range.is_empty() {
        Err(outside())
    } else {
        Ok(Some(range))
    }
}

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_cut_to_what_is_there() {
        let of = |text: &str| range(text, 100).expect("a range");
        assert_eq!(of("bytes=0-9"), Some(0..10));
        assert_eq!(of("bytes=90-"), Some(90..100));
        assert_eq!(of("bytes=90-5000"), Some(90..100));
        assert_eq!(of("bytes=-10"), Some(90..100));
        assert_eq!(of("bytes=-5000"), Some(0..100));
        assert_eq!(of("bytes=0-1,5-6"), None);
        assert_eq!(of("lines=0-1"), None);
        for text in ["bytes=100-", "bytes=x-1", "bytes=9-3", "bytes=-0"] {
            range(text, 100).expect_err(text);
        }
    }
}
