//! What an append will do, worked out before anything is written: duplicates dropped, holes and old attempts refused.

use bytes::Bytes;

use super::state::{RunState, StreamState, count_lines};
use crate::logs::{Chunk, Entry, LogError, MARKS_PER_STREAM, Mark, MarkAt, STREAMS_PER_RUN, StreamId};

/// Tells how many `\n` come before an offset that is on the disk already.
pub(super) type LinesBefore<'a> = dyn Fn(&StreamState, u64) -> Result<u64, LogError> + 'a;

/// All of an append.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// In the order of first mention.
    pub(super) streams: Vec<Planned>,
    pub(super) marks: Vec<MarkAt>,
}

/// What one stream gets.
#[derive(Debug)]
pub(super) struct Planned {
    /// As it is; a new stream has no header yet.
    pub(super) before: StreamState,
    pub(super) is_new: bool,
    /// New bytes in order, each with the sequence of its chunk.
    pub(super) pieces: Vec<(u64, Bytes)>,
    /// How long it will be.
    pub(super) length: u64,
    pub(super) marks: u64,
    pub(super) ended: bool,
}

/// Plans a batch whose bounds were checked.
pub(super) fn plan(state: &RunState, batch: Vec<Entry>, lines: &LinesBefore<'_>) -> Result<Plan, LogError> {
    if state.closed || state.removed {
        return Err(LogError::Closed);
    }
    let mut plan = Plan::default();
    for entry in batch {
        let place = plan.stream(state, entry.stream())?;
        let planned = &mut plan.streams[place];
        match entry {
            Entry::Chunk(chunk) => planned.chunk(chunk)?,
            Entry::Mark(mark) => plan.marks.extend(planned.mark(mark, lines)?),
            Entry::End { offset, .. } => planned.end(offset)?,
        }
    }
    Ok(plan)
}

impl Plan {
    /// The place of a stream in the plan.
    fn stream(&mut self, state: &RunState, id: &StreamId) -> Result<usize, LogError> {
        if let Some(place) = self.streams.iter().position(|planned| planned.before.id == *id) {
            return self.refuse_superseded(state, id).map(|()| place);
        }
        self.refuse_superseded(state, id)?;
        let known = state.stream(&id.stage, Some(id.attempt));
        let new_ones = self.streams.iter().filter(|planned| planned.is_new).count();
        let number = state.streams.len() + new_ones;
        if known.is_none() && number >= STREAMS_PER_RUN {
            return Err(LogError::TooLarge {
                what: "run's streams",
                bytes: number + 1,
                limit: STREAMS_PER_RUN,
            });
        }
        let next = state.streams.iter().map(|stream| stream.number + 1).max().unwrap_or(0);
        let next = next + u32::try_from(new_ones).unwrap_or(u32::MAX);
        let before = known.cloned().unwrap_or_else(|| StreamState::new(id.clone(), next));
        self.streams.push(Planned::new(before, known.is_none()));
        Ok(self.streams.len() - 1)
    }

    fn refuse_superseded(&self, state: &RunState, id: &StreamId) -> Result<(), LogError> {
        let planned = self.streams.iter().map(|planned| &planned.before.id);
        let all = state.streams.iter().map(|stream| &stream.id).chain(planned);
        let newest = all
            .filter(|other| other.stage == id.stage)
            .map(|other| other.attempt)
            .max();
        match newest {
            Some(current) if current > id.attempt => Err(LogError::Superseded {
                stream: id.clone(),
                current,
            }),
            _ => Ok(()),
        }
    }
}

impl Planned {
    fn new(before: StreamState, is_new: bool) -> Self {
        let (length, marks, ended) = (before.length, before.marks, before.ended);
        Self {
            before,
            is_new,
            pieces: Vec::new(),
            length,
            marks,
            ended,
        }
    }

    fn chunk(&mut self, chunk: Chunk) -> Result<(), LogError> {
        let Some(known) = self.length.checked_sub(chunk.offset) else {
            return Err(self.hole(self.length, chunk.offset));
        };
        let fresh = usize::try_from(known)
            .ok()
            .and_then(|known| chunk.bytes.get(known..))
            .unwrap_or_default();
        if fresh.is_empty() {
            return Ok(());
        }
        if self.ended {
            return Err(LogError::Closed);
        }
        self.length += fresh.len() as u64;
        self.pieces.push((chunk.sequence, chunk.bytes.slice_ref(fresh)));
        Ok(())
    }

    fn mark(&mut self, mark: Mark, lines: &LinesBefore<'_>) -> Result<Option<MarkAt>, LogError> {
        if mark.sequence < self.marks {
            return Ok(None);
        }
        if mark.sequence > self.marks {
            return Err(self.hole(self.marks, mark.sequence));
        }
        if mark.offset > self.length {
            return Err(self.hole(self.length, mark.offset));
        }
        if self.ended {
            return Err(LogError::Closed);
        }
        let many = usize::try_from(self.marks).unwrap_or(usize::MAX);
        if many >= MARKS_PER_STREAM {
            let (what, bytes) = ("number of a stream's marks", many.saturating_add(1));
            return Err(LogError::TooLarge {
                what,
                bytes,
                limit: MARKS_PER_STREAM,
            });
        }
        self.marks += 1;
        let line = self.lines_before(mark.offset, lines)?;
        Ok(Some(MarkAt { mark, line }))
    }

    fn end(&mut self, offset: u64) -> Result<(), LogError> {
        if offset > self.length {
            return Err(self.hole(self.length, offset));
        }
        if offset < self.length {
            let reason = format!(
                "{:?} has {} bytes and cannot end at {offset}",
                self.before.id, self.length
            );
            return Err(LogError::Invalid { reason });
        }
        self.ended = true;
        Ok(())
    }

    fn lines_before(&self, offset: u64, on_disk: &LinesBefore<'_>) -> Result<u64, LogError> {
        if offset < self.before.length {
            return on_disk(&self.before, offset);
        }
        let mut left = usize::try_from(offset - self.before.length).unwrap_or(usize::MAX);
        let mut lines = self.before.lines;
        for (_, bytes) in &self.pieces {
            let part = &bytes[..bytes.len().min(left)];
            lines += count_lines(part);
            left -= part.len();
        }
        Ok(lines)
    }

    fn hole(&self, expected: u64, given: u64) -> LogError {
        LogError::Hole {
            stream: self.before.id.clone(),
            expected,
            given,
        }
    }
}
