//! Reading a slice: find an anchor, skip to the place, take up to the limits.

use bytes::Bytes;

use super::source::{Pieces, Source};
use super::state::{StreamState, count_lines};
use crate::logs::{LogError, Place, READ_BYTES, READ_LINES, Slice};

/// How much a slice may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    bytes: usize,
    lines: u64,
}

impl Limits {
    /// Values outside the port's bounds count as the bound.
    pub(super) fn new(bytes: usize, lines: u64) -> Self {
        Self {
            bytes: bytes.clamp(1, READ_BYTES),
            lines: lines.clamp(1, READ_LINES),
        }
    }
}

/// A slice of a stream as it was when `stream` was looked at.
pub(super) fn read_slice(
    source: &Source,
    stream: &StreamState,
    place: Place,
    limits: Limits,
    complete: bool,
) -> Result<Slice, LogError> {
    let behind = match place {
        Place::Byte(offset) => offset >= stream.length,
        Place::Line(line) => line > stream.lines,
    };
    let mut taking = Taking {
        bytes: Vec::new(),
        lines: 0,
        limits,
    };
    let (mut offset, mut line) = (stream.length, stream.lines);
    if !behind {
        let anchor = source.anchor(place)?;
        let mut pieces = source.pieces(anchor);
        let start = skip_to(&mut pieces, place, anchor.line)?;
        if let Some(start) = start {
            (offset, line) = (start.offset, start.line);
            taking.fill(start.rest, &mut pieces)?;
        }
    }
    Ok(Slice {
        offset,
        line,
        next_line: line + taking.lines,
        bytes: Bytes::from(taking.bytes),
        length: stream.length,
        lines: stream.lines,
        complete,
    })
}

/// How many `\n` come before an offset that was appended.
pub(super) fn lines_before(source: &Source, offset: u64) -> Result<u64, LogError> {
    let anchor = source.anchor(Place::Byte(offset))?;
    let start = skip_to(&mut source.pieces(anchor), Place::Byte(offset), anchor.line)?;
    start.map(|start| start.line).ok_or(LogError::Corrupt {
        reason: format!("a log ends before byte {offset}"),
    })
}

/// Where a place is, and what of its piece comes from there on.
struct Start {
    offset: u64,
    line: u64,
    rest: Vec<u8>,
}

fn skip_to(pieces: &mut Pieces<'_>, place: Place, mut line: u64) -> Result<Option<Start>, LogError> {
    let mut end = None;
    while let Some(piece) = pieces.next()? {
        let skipped = match place {
            Place::Byte(offset) => usize::try_from(offset.saturating_sub(piece.offset)).ok(),
            Place::Line(wanted) => after_lines(&piece.bytes, wanted.saturating_sub(line)),
        };
        let skipped = skipped.filter(|skipped| *skipped < piece.bytes.len());
        let passed = skipped.unwrap_or(piece.bytes.len());
        line += count_lines(&piece.bytes[..passed]);
        let offset = piece.offset + passed as u64;
        if skipped.is_some() {
            return Ok(Some(Start {
                offset,
                line,
                rest: piece.bytes[passed..].to_vec(),
            }));
        }
        end = Some(Start {
            offset,
            line,
            rest: Vec::new(),
        });
    }
    Ok(end)
}

/// Where the bytes after so many `\n` begin.
fn after_lines(bytes: &[u8], lines: u64) -> Option<usize> {
    let Some(before_last) = lines.checked_sub(1) else {
        return Some(0);
    };
    let mut ends = bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .map(|(place, _)| place + 1);
    ends.nth(usize::try_from(before_last).ok()?)
}

struct Taking {
    bytes: Vec<u8>,
    lines: u64,
    limits: Limits,
}

impl Taking {
    fn fill(&mut self, first: Vec<u8>, pieces: &mut Pieces<'_>) -> Result<(), LogError> {
        let mut more = self.take(&first);
        while more {
            match pieces.next()? {
                Some(piece) => more = self.take(&piece.bytes),
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// Whether there is room for more.
    fn take(&mut self, bytes: &[u8]) -> bool {
        let room = &bytes[..bytes.len().min(self.limits.bytes - self.bytes.len())];
        let wanted = self.limits.lines - self.lines;
        let taken = after_lines(room, wanted).map_or(room, |end| &room[..end]);
        self.lines += count_lines(taken);
        self.bytes.extend_from_slice(taken);
        self.bytes.len() < self.limits.bytes && self.lines < self.limits.lines
    }
}
