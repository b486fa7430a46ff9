//! Lines of a stage's log by their number: what a page shows that cannot hold the whole.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use circle_api::resources::{LogLines, LogLinesQuery, MAX_LOG_LINES};
use circle_api::routes;
use circle_core::ids::RunId;
use circle_store::logs::{Place, Read, Slice};

use super::logs::newest;
use crate::auth::{Found, Viewer};
use crate::http::{ApiError, Params, Segments};
use crate::limits::LOG_SLICE_BYTES;
use crate::records::RunRecord;
use crate::server::Server;

/// Lines of one answer when the request names no number.
const DEFAULT_LINES: u64 = 1_000;

/// Lines of one stage's log, from any number.
#[utoipa::path(get, path = routes::STAGE_LOG_LINES, tag = "logs", operation_id = "stage_log_lines", params(("run" = String, Path), ("stage" = String, Path), LogLinesQuery), responses((status = 200, body = LogLines)))]
pub(in crate::http) async fn lines(
    State(server): State<Arc<Server>>,
    _: Found<RunRecord, Viewer>,
    Segments((id, stage)): Segments<(RunId, String)>,
    Params(query): Params<LogLinesQuery>,
) -> Result<Json<LogLines>, ApiError> {
    let count = query.count.unwrap_or(DEFAULT_LINES);
    if !(1..=MAX_LOG_LINES).contains(&count) {
        return Err(ApiError::field("count", format!("count is 1 to {MAX_LOG_LINES}")));
    }
    let streams = newest(server.log_archive.streams(&id.to_string()).await?);
    let info = streams.into_iter().find(|info| info.stream.stage == stage);
    let info = info.ok_or_else(|| ApiError::not_found("log of stage", &stage))?;
    let read = Read::new(id.to_string(), stage, Place::Line(query.from))
        .attempt(info.stream.attempt)
        .limit_bytes(LOG_SLICE_BYTES)
        .limit_lines(count);
    let slice = server.log_archive.read(read).await?;
    Ok(Json(view(info.stream.attempt, &slice)))
}

/// A slice ends in the middle of a line when its bytes ran out: then the last line is left for the next answer, unless it
/// is the only one, which is longer than a slice and is given as far as it goes.
fn view(attempt: u32, slice: &Slice) -> LogLines {
    let ends_stream = slice.next_offset() >= slice.length;
    let text = String::from_utf8_lossy(&slice.bytes);
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let last = lines.pop().unwrap_or_default();
    let mut next = slice.next_line;
    if !last.is_empty() && (ends_stream || lines.is_empty()) {
        lines.push(last);
        next += 1;
    }
    LogLines {
        attempt,
        from: slice.line,
        offset: slice.offset,
        next,
        lines,
        total: slice.lines,
        bytes: slice.length,
        complete: slice.complete,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use circle_store::logs::Slice;

    use super::view;

    fn slice(bytes: &'static [u8], length: u64) -> Slice {
        let ends = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
        Slice {
            offset: 100,
            line: 7,
            bytes: Bytes::from_static(bytes),
            next_line: 7 + ends,
            length,
            lines: 20,
            complete: false,
        }
    }

    #[test]
    fn whole_lines_come_and_a_cut_one_is_left_for_the_next_answer() {
        let cases: [(&[u8], u64, &[&str], u64); 6] = [
            (b"", 100, &[], 7),
            (b"a\nb\n", 104, &["a", "b"], 9),
            (b"a\nb", 103, &["a", "b"], 9),
            (b"a\nb", 500, &["a"], 8),
            (b"endless", 500, &["endless"], 8),
            (b"\n\n", 102, &["", ""], 9),
        ];
        for (bytes, length, expected, next) in cases {
            let view = view(1, &slice(bytes, length));
            assert_eq!(view.lines, expected, "{}", String::from_utf8_lossy(bytes));
            assert_eq!(view.next, next, "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_all_the_same() {
        assert_eq!(view(1, &slice(b"\xff\xfe\n", 103)).lines, ["\u{fffd}\u{fffd}"]);
    }
}
