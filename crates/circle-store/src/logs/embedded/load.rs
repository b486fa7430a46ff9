//! What is on the disk of a run, repaired where a crash has torn it.

use std::fs::OpenOptions;
use std::path::Path;

use super::io_error::at;
use super::layout::{CLOSED_FILE, Layout, MARKS_FILE, index_file, log_file, packed_file, remove_if_there};
use super::marks::each_mark;
use super::pack::load_packed;
use super::repair::repair_stream;
use super::state::RunState;
use crate::logs::LogError;

/// The state of a run; a fresh one if nothing is there.
pub(super) fn load(layout: &Layout, run: &str) -> Result<RunState, LogError> {
    let live = layout.live_run(run);
    let done = layout.done_run(run);
    let mut state = RunState::fresh(live.clone());
    if !live.is_dir() {
        if !done.is_dir() {
            return Ok(state);
        }
        state = RunState {
            closed: true,
            done: true,
            ..RunState::fresh(done)
        };
    }
    state.closed = state.done || live.join(CLOSED_FILE).exists();
    for number in stream_numbers(&state.folder)? {
        load_stream(&mut state, number)?;
    }
    load_marks(&mut state)?;
    Ok(state)
}

/// Numbers of the streams, in order.
fn stream_numbers(folder: &Path) -> Result<Vec<u32>, LogError> {
    let mut numbers = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(at(folder))? {
        let name = entry.map_err(at(folder))?.file_name();
        let Some((number, kind)) = name.to_str().and_then(|name| name.split_once('.')) else {
            continue;
        };
        if kind == "log" || kind == "zlog" {
            numbers.extend(number.parse::<u32>());
        }
    }
    numbers.sort_unstable();
    numbers.dedup();
    Ok(numbers)
}

fn load_stream(state: &mut RunState, number: u32) -> Result<(), LogError> {
    let packed = packed_file(&state.folder, number);
    if packed.exists() {
        // It was put there whole, in one step: what it was made of may still lie beside it.
        for path in [log_file(&state.folder, number), index_file(&state.folder, number)] {
            remove_if_there(&path).map_err(at(&path))?;
        }
        state.streams.push(load_packed(&packed, number)?);
        return Ok(());
    }
    state.streams.extend(repair_stream(&state.folder, number)?);
    Ok(())
}

fn load_marks(state: &mut RunState) -> Result<(), LogError> {
    let path = state.folder.join(MARKS_FILE);
    let Ok(size) = path.metadata().map(|metadata| metadata.len()) else {
        return Ok(());
    };
    let streams = &mut state.streams;
    let end = each_mark(&state.folder, size, |at| {
        if let Some(stream) = streams.iter_mut().find(|stream| stream.id == at.mark.stream) {
            stream.marks = at.mark.sequence + 1;
        }
        true
    })?;
    if end < size {
        tracing::warn!(file = %path.display(), kept = end, dropped = size - end, "cut off the torn end of a run's marks");
        let file = OpenOptions::new().write(true).open(&path).map_err(at(&path))?;
        file.set_len(end).and_then(|()| file.sync_all()).map_err(at(&path))?;
    }
    state.marks_end = end;
    Ok(())
}
