//! Appending: plan, write, sync, and only then remember and answer.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::frame::{FRAME_HEAD, FrameKind, RECORD_BYTES, push_frame};
use super::index::{Anchor, ENTRY_BYTES, ENTRY_SIZE, INDEX_STEP, push_entry};
use super::io_error::at;
use super::layout::{MARKS_FILE, index_file, log_file, remove_if_there, sync_folder};
use super::marks::push_mark;
use super::plan::{Plan, Planned, plan};
use super::read::lines_before;
use super::source::Source;
use super::state::{RunState, StreamState, count_lines};
use crate::logs::{Appended, Entry, LogError, StreamEnd};

/// Whether what is on the disk is still what the state says.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was kept; the state holds.
    Clean(LogError),
    /// What was written could not be taken back: load the run again.
    Unknown(LogError),
}

/// Appends a checked batch to a run; blocks.
pub(super) fn append(state: &mut RunState, batch: Vec<Entry>) -> Result<Appended, Failure> {
    let folder = state.folder.clone();
    let on_disk = |stream: &StreamState, offset: u64| {
        let source = Source::open(&folder, stream)?.ok_or(LogError::Missing)?;
        lines_before(&source, offset)
    };
    let plan = plan(state, batch, &on_disk).map_err(Failure::Clean)?;
    let laid_out: Vec<LaidOut> = plan.streams.iter().map(lay_out).collect();
    let mut marks = Vec::new();
    for mark in &plan.marks {
        push_mark(&mut marks, mark);
    }
    if let Err(error) = write_all(state, &plan, &laid_out, &marks) {
        return Err(take_back(state, &plan, error));
    }
    state.marks_end += marks.len() as u64;
    let streams = laid_out.into_iter().map(|laid_out| remember(state, laid_out)).collect();
    Ok(Appended { streams })
}

/// What a stream's files get.
#[derive(Debug)]
struct LaidOut {
    frames: Vec<u8>,
    anchors: Vec<Anchor>,
    after: StreamState,
}

fn lay_out(planned: &Planned) -> LaidOut {
    let mut laid_out = LaidOut {
        frames: Vec::new(),
        anchors: Vec::new(),
        after: planned.before.clone(),
    };
    if planned.is_new {
        let header = serde_json::to_vec(&planned.before.id).expect("a name and a number are JSON");
        push_frame(&mut laid_out.frames, FrameKind::Header, 0, 0, &header);
        laid_out.after.first = laid_out.frames.len() as u64;
    }
    let mut record = Vec::new();
    for (sequence, bytes) in &planned.pieces {
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (fits, later) = rest.split_at(rest.len().min(RECORD_BYTES - record.len()));
            record.extend_from_slice(fits);
            rest = later;
            if record.len() == RECORD_BYTES {
                laid_out.record(*sequence, &std::mem::take(&mut record));
            }
        }
    }
    if let (false, Some((sequence, _))) = (record.is_empty(), planned.pieces.last()) {
        laid_out.record(*sequence, &record);
    }
    if planned.ended && !planned.before.ended {
        push_frame(&mut laid_out.frames, FrameKind::End, 0, laid_out.after.length, &[]);
    }
    laid_out.after.end = planned.before.end + laid_out.frames.len() as u64;
    laid_out.after.marks = planned.marks;
    laid_out.after.ended = planned.ended;
    laid_out
}

impl LaidOut {
    fn record(&mut self, sequence: u64, bytes: &[u8]) {
        let after = &mut self.after;
        if after.length >= after.indexed + INDEX_STEP {
            let position = after.end + self.frames.len() as u64;
            self.anchors.push(Anchor {
                offset: after.length,
                line: after.lines,
                position,
            });
            after.indexed = after.length;
        }
        self.frames.reserve(FRAME_HEAD + bytes.len());
        push_frame(&mut self.frames, FrameKind::Bytes, sequence, after.length, bytes);
        after.length += bytes.len() as u64;
        after.lines += count_lines(bytes);
    }
}

fn write_all(state: &RunState, plan: &Plan, laid_out: &[LaidOut], marks: &[u8]) -> Result<(), LogError> {
    let folder = &state.folder;
    if marks.is_empty() && laid_out.iter().all(|laid_out| laid_out.frames.is_empty()) {
        return Ok(());
    }
    if state.streams.is_empty() && !folder.exists() {
        make_folder(folder).map_err(at(folder))?;
    }
    for (planned, laid_out) in plan.streams.iter().zip(laid_out) {
        let path = log_file(folder, planned.before.number);
        write_at(&path, planned.before.end, &laid_out.frames).map_err(at(&path))?;
    }
    let path = folder.join(MARKS_FILE);
    write_at(&path, state.marks_end, marks).map_err(at(&path))?;
    let new_marks = state.marks_end == 0 && !marks.is_empty();
    if new_marks || plan.streams.iter().any(|planned| planned.is_new) {
        sync_folder(folder).map_err(at(folder))?;
    }
    Ok(())
}

fn make_folder(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    folder.parent().map_or(Ok(()), sync_folder)
}

fn write_at(path: &Path, position: u64, bytes: &[u8]) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    file.write_all_at(bytes, position)?;
    file.sync_data()
}

/// Cuts off what an append that failed has left. Only after a full disk is what the system says about it believed.
fn take_back(state: &RunState, plan: &Plan, error: LogError) -> Failure {
    let cut = |path: &Path, end: u64, is_new: bool| -> io::Result<()> {
        if is_new {
            return remove_if_there(path);
        }
        match OpenOptions::new().write(true).open(path) {
            Ok(file) => file.set_len(end),
            Err(error) if error.kind() == io::ErrorKind::NotFound && end == 0 => Ok(()),
            Err(error) => Err(error),
        }
    };
    let mut cuts = plan.streams.iter().map(|planned| {
        cut(
            &log_file(&state.folder, planned.before.number),
            planned.before.end,
            planned.is_new,
        )
    });
    let marks = cut(&state.folder.join(MARKS_FILE), state.marks_end, false);
    let clean = cuts.all(|cut| cut.is_ok()) && marks.is_ok();
    if clean && error == LogError::Full {
        Failure::Clean(error)
    } else {
        Failure::Unknown(error)
    }
}

/// Takes a stream's new state over and writes its index, which may fail: it only shortens the way.
fn remember(state: &mut RunState, laid_out: LaidOut) -> StreamEnd {
    let LaidOut { anchors, mut after, .. } = laid_out;
    if let Err(error) = write_index(&index_file(&state.folder, after.number), after.entries, &anchors) {
        tracing::debug!(folder = %state.folder.display(), %error, "an index was not written");
    } else {
        after.entries += anchors.len() as u64;
    }
    let end = StreamEnd {
        stream: after.id.clone(),
        length: after.length,
        marks: after.marks,
    };
    match state.streams.iter_mut().find(|stream| stream.number == after.number) {
        Some(stream) => *stream = after,
        None => state.streams.push(after),
    }
    end
}

/// Puts entries behind those that are there.
pub(super) fn write_index(path: &Path, entries: u64, anchors: &[Anchor]) -> io::Result<()> {
    if anchors.is_empty() {
        return Ok(());
    }
    let mut bytes = Vec::with_capacity(anchors.len() * ENTRY_SIZE);
    for anchor in anchors {
        push_entry(&mut bytes, anchor);
    }
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    file.write_all_at(&bytes, entries * ENTRY_BYTES)
}

/// Makes an empty file that survives loss of power.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    path.parent().map_or(Ok(()), sync_folder)
}
