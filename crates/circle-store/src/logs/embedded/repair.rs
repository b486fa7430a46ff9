//! Opening a stream's file: what a crash has torn off the end is cut off, what the index misses is built.

use std::fs::{File, OpenOptions};
use std::path::Path;

use super::append::write_index;
use super::frame::{FrameKind, FrameReader};
use super::index::{Anchor, ENTRY_BYTES, INDEX_STEP, IndexView};
use super::io_error::at;
use super::layout::{index_file, log_file, remove_if_there};
use super::state::{StreamState, count_lines};
use crate::logs::{LogError, StreamId};

/// The state of a stream as its file tells it; `None` if not even its name was written, and so nothing acknowledged.
pub(super) fn repair_stream(folder: &Path, number: u32) -> Result<Option<StreamState>, LogError> {
    let path = log_file(folder, number);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .map_err(at(&path))?;
    let size = file.metadata().map_err(at(&path))?.len();
    let Some(mut stream) = read_header(&file, &path, size, number)? else {
        tracing::warn!(file = %path.display(), bytes = size, "removed a log file that was torn at its first record");
        remove_if_there(&path).map_err(at(&path))?;
        return Ok(None);
    };
    let missing = walk_tail(&file, &path, folder, size, &mut stream)?;
    if stream.end < size {
        tracing::warn!(
            file = %path.display(), stage = stream.id.stage, attempt = stream.id.attempt, kept = stream.end,
            dropped = size - stream.end, "cut off the torn end of a log; none of it was acknowledged"
        );
        file.set_len(stream.end)
            .and_then(|()| file.sync_all())
            .map_err(at(&path))?;
    }
    // A full disk must not keep the log from being read.
    if write_index(&index_file(folder, number), stream.entries, &missing).is_ok() {
        stream.entries += missing.len() as u64;
    }
    Ok(Some(stream))
}

/// The name and the first frame's place.
pub(super) fn read_header(file: &File, path: &Path, size: u64, number: u32) -> Result<Option<StreamState>, LogError> {
    let frame = FrameReader::new(file, size).frame_at(0).map_err(at(path))?;
    let Some(frame) = frame.filter(|frame| frame.kind == FrameKind::Header) else {
        return Ok(None);
    };
    let Ok(id) = serde_json::from_slice::<StreamId>(&frame.payload) else {
        return Ok(None);
    };
    let mut stream = StreamState::new(id, number);
    stream.first = frame.next;
    stream.end = frame.next;
    Ok(Some(stream))
}

/// Walks from the last entry of the index that leads to a whole frame to the end of what is whole.
fn walk_tail(
    file: &File,
    path: &Path,
    folder: &Path,
    size: u64,
    stream: &mut StreamState,
) -> Result<Vec<Anchor>, LogError> {
    let mut reader = FrameReader::new(file, size);
    if let Some(anchor) = last_anchor(folder, &mut reader, stream)? {
        (stream.length, stream.lines, stream.end) = (anchor.offset, anchor.line, anchor.position);
        stream.indexed = anchor.offset;
    }
    let mut missing = Vec::new();
    while let Some(frame) = reader.frame_at(stream.end).map_err(at(path))? {
        match frame.kind {
            FrameKind::Bytes if frame.offset == stream.length => {
                if stream.length >= stream.indexed + INDEX_STEP {
                    missing.push(Anchor {
                        offset: stream.length,
                        line: stream.lines,
                        position: stream.end,
                    });
                    stream.indexed = stream.length;
                }
                stream.length += frame.payload.len() as u64;
                stream.lines += count_lines(&frame.payload);
            }
            FrameKind::End => stream.ended = true,
            _ => break,
        }
        stream.end = frame.next;
    }
    Ok(missing)
}

fn last_anchor(
    folder: &Path,
    reader: &mut FrameReader<'_>,
    stream: &mut StreamState,
) -> Result<Option<Anchor>, LogError> {
    let path = index_file(folder, stream.number);
    let Ok(file) = OpenOptions::new().read(true).write(true).open(&path) else {
        return Ok(None);
    };
    let size = file.metadata().map_err(at(&path))?.len();
    let view = IndexView {
        file,
        base: 0,
        count: size / ENTRY_BYTES,
    };
    let mut found = None;
    for place in (0..view.count).rev() {
        let Some(anchor) = view.entry(place).map_err(at(&path))? else {
            continue;
        };
        let frame = reader.frame_at(anchor.position).map_err(at(&path))?;
        if frame.is_some_and(|frame| frame.kind == FrameKind::Bytes && frame.offset == anchor.offset) {
            stream.entries = place + 1;
            found = Some(anchor);
            break;
        }
    }
    view.file.set_len(stream.entries * ENTRY_BYTES).map_err(at(&path))?;
    Ok(found)
}
