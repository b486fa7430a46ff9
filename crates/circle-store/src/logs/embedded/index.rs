//! The sparse index: where in a file the frame of a byte or a line is found.
//!
//! Entries of a fixed size, in order, so that a place is found by halving with a handful of small reads and nothing of
//! the index lies in memory. An entry is `byte offset u64 | lines before it u64 | position u64 | crc32 u32`.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::frame::number;
use crate::logs::Place;

/// How many stream bytes lie between two entries, at least.
pub(super) const INDEX_STEP: u64 = 64 * 1024;
/// The size of an entry in its file.
pub(super) const ENTRY_BYTES: u64 = 28;
/// The same for buffers.
pub(super) const ENTRY_SIZE: usize = 28;

/// A frame's place, in the stream and in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Anchor {
    /// Stream bytes before the frame.
    pub(super) offset: u64,
    /// `\n` before the frame.
    pub(super) line: u64,
    /// Where the frame begins in the file.
    pub(super) position: u64,
}

/// Appends an entry to a buffer.
pub(super) fn push_entry(out: &mut Vec<u8>, anchor: &Anchor) {
    let start = out.len();
    out.extend(anchor.offset.to_le_bytes());
    out.extend(anchor.line.to_le_bytes());
    out.extend(anchor.position.to_le_bytes());
    let checksum = crc32fast::hash(&out[start..]);
    out.extend(checksum.to_le_bytes());
}

/// Entries within a file.
#[derive(Debug)]
pub(super) struct IndexView {
    pub(super) file: File,
    /// Where the first entry begins.
    pub(super) base: u64,
    /// How many there are.
    pub(super) count: u64,
}

impl IndexView {
    /// The last entry from which a place can be reached by going forward; `None` to begin at the first frame.
    ///
    /// For a line it is the last entry with fewer lines before it, so that a line of many megabytes is not walked.
    pub(super) fn before(&self, place: Place, end: u64) -> io::Result<Option<Anchor>> {
        let reaches = |anchor: &Anchor| {
            anchor.position < end
                && match place {
                    Place::Byte(offset) => anchor.offset <= offset,
                    Place::Line(line) => anchor.line < line,
                }
        };
        let (mut low, mut high) = (0, self.count);
        let mut found = None;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.entry(middle)? {
                Some(anchor) if reaches(&anchor) => {
                    found = Some(anchor);
                    low = middle + 1;
                }
                // A damaged entry costs time, not truth: what lies before it leads there too.
                _ => high = middle,
            }
        }
        Ok(found)
    }

    /// An entry; `None` if its checksum does not fit.
    pub(super) fn entry(&self, place: u64) -> io::Result<Option<Anchor>> {
        let mut bytes = [0; ENTRY_SIZE];
        self.file.read_exact_at(&mut bytes, self.base + place * ENTRY_BYTES)?;
        let anchor = Anchor {
            offset: number(&bytes[..8]),
            line: number(&bytes[8..16]),
            position: number(&bytes[16..24]),
        };
        Ok(Some(anchor).filter(|_| u64::from(crc32fast::hash(&bytes[..24])) == number(&bytes[24..])))
    }
}
