//! Marks: frames of JSON in one file a run, read from its beginning.

use std::fs::File;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::frame::{FrameKind, FrameReader, push_frame};
use super::io_error::{at, damaged};
use super::layout::MARKS_FILE;
use crate::logs::{LogError, MARKS_LIMIT, Mark, MarkAt, MarksQuery};

/// A mark as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    mark: Mark,
    line: u64,
}

/// Appends a mark's frame to a buffer.
pub(super) fn push_mark(out: &mut Vec<u8>, at: &MarkAt) {
    let written = Written {
        mark: at.mark.clone(),
        line: at.line,
    };
    let payload = serde_json::to_vec(&written).expect("a mark is made of JSON");
    push_frame(out, FrameKind::Mark, at.mark.sequence, at.mark.offset, &payload);
}

/// The marks that a query means.
pub(super) fn read_marks(folder: &Path, end: u64, query: &MarksQuery) -> Result<Vec<MarkAt>, LogError> {
    let mut found = Vec::new();
    let mut skip = query.skip;
    let reached = each_mark(folder, end, |at| {
        let stage_fits = query.stage.as_ref().is_none_or(|stage| *stage == at.mark.stream.stage);
        let attempt_fits = query.attempt.is_none_or(|attempt| attempt == at.mark.stream.attempt);
        if stage_fits && attempt_fits {
            match skip.checked_sub(1) {
                Some(less) => skip = less,
                None => found.push(at),
            }
        }
        found.len() < MARKS_LIMIT
    })?;
    if reached < end && found.len() < MARKS_LIMIT {
        return Err(damaged(
            &folder.join(MARKS_FILE),
            reached,
            "a record does not fit its checksum",
        ));
    }
    Ok(found)
}

/// Hands marks over until `handle` says no, the end, or a frame that is torn; returns where that is.
pub(super) fn each_mark(folder: &Path, end: u64, mut handle: impl FnMut(MarkAt) -> bool) -> Result<u64, LogError> {
    let path = folder.join(MARKS_FILE);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(at(&path)(error)),
    };
    let mut reader = FrameReader::new(&file, end);
    let mut position = 0;
    while let Some(frame) = reader.frame_at(position).map_err(at(&path))? {
        let written: Result<Written, _> = serde_json::from_slice(&frame.payload);
        let Ok(Written { mark, line }) = written else {
            return Ok(position);
        };
        position = frame.next;
        if !handle(MarkAt { mark, line }) {
            break;
        }
    }
    Ok(position)
}
