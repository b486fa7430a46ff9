//! Frames: the records of all log files.
//!
//! `crc32 u32 | payload length u32 | kind u8 | number u64 | offset u64 | payload`, little-endian; the checksum covers
//! everything after itself. `number` is the sequence of the last chunk in the payload, `offset` the place in the stream.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// Bytes before the payload.
pub(super) const FRAME_HEAD: usize = 4 + 4 + 1 + 8 + 8;
/// The most stream bytes of one frame: what a read may have to skip at most beside the index step.
pub(super) const RECORD_BYTES: usize = 64 * 1024;
/// The largest payload of any frame: a block that did not compress, and zstd's own bound above it.
const PAYLOAD_BYTES: usize = 512 * 1024;
/// How much is read at once.
const WINDOW_BYTES: usize = 128 * 1024;

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FrameKind {
    /// Which stream the file is of, as JSON.
    Header = 1,
    /// Stream bytes.
    Bytes = 2,
    /// The stream ended; no payload.
    End = 3,
    /// A mark as JSON.
    Mark = 4,
    /// Stream bytes, compressed.
    Block = 5,
}

impl FrameKind {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Header, Self::Bytes, Self::End, Self::Mark, Self::Block]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// A frame as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: FrameKind,
    pub(super) offset: u64,
    pub(super) payload: Vec<u8>,
    /// Where the next frame begins in the file.
    pub(super) next: u64,
}

/// Appends a frame to a buffer.
pub(super) fn push_frame(out: &mut Vec<u8>, kind: FrameKind, number: u64, offset: u64, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("a payload is far below 4 GiB");
    let start = out.len();
    out.extend([0; 4]);
    out.extend(length.to_le_bytes());
    out.push(kind as u8);
    out.extend(number.to_le_bytes());
    out.extend(offset.to_le_bytes());
    out.extend(payload);
    let checksum = crc32fast::hash(&out[start + 4..]);
    out[start..start + 4].copy_from_slice(&checksum.to_le_bytes());
}

/// Reads frames one after the other, with one window in memory.
#[derive(Debug)]
pub(super) struct FrameReader<'a> {
    file: &'a File,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
}

impl<'a> FrameReader<'a> {
    /// Reads nothing at or behind `end`.
    pub(super) fn new(file: &'a File, end: u64) -> Self {
        Self {
            file,
            end,
            window: Vec::new(),
            window_at: 0,
        }
    }

    /// The frame at a place; `None` if no whole frame with the right checksum stands there.
    pub(super) fn frame_at(&mut self, position: u64) -> io::Result<Option<Frame>> {
        let Some(head) = self.bytes(position, FRAME_HEAD)? else {
            return Ok(None);
        };
        let Some(length) = usize::try_from(number(&head[4..8]))
            .ok()
            .filter(|length| *length <= PAYLOAD_BYTES)
        else {
            return Ok(None);
        };
        let Some(whole) = self.bytes(position, FRAME_HEAD + length)? else {
            return Ok(None);
        };
        let fits = u64::from(crc32fast::hash(&whole[4..])) == number(&whole[..4]);
        let kind = FrameKind::from_byte(whole[8]).filter(|_| fits);
        Ok(kind.map(|kind| Frame {
            kind,
            offset: number(&whole[17..25]),
            payload: whole[FRAME_HEAD..].to_vec(),
            next: position + whole.len() as u64,
        }))
    }

    /// So many bytes from a place, `None` if the end comes before.
    fn bytes(&mut self, position: u64, count: usize) -> io::Result<Option<&[u8]>> {
        let inside = position >= self.window_at && position + count as u64 <= self.window_at + self.window.len() as u64;
        if !inside {
            let left = self.end.saturating_sub(position);
            if left < count as u64 {
                return Ok(None);
            }
            let wanted = usize::try_from(left.min(count.max(WINDOW_BYTES) as u64)).unwrap_or(WINDOW_BYTES);
            self.window.resize(wanted, 0);
            self.file.read_exact_at(&mut self.window, position)?;
            self.window_at = position;
        }
        let start = usize::try_from(position - self.window_at).unwrap_or(0);
        Ok(Some(&self.window[start..start + count]))
    }
}

/// Up to eight little-endian bytes.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{FrameKind, FrameReader, push_frame};

    #[test]
    fn frames_come_back_and_any_flipped_bit_is_seen() {
        let mut bytes = Vec::new();
        push_frame(&mut bytes, FrameKind::Header, 0, 1, b"{}");
        let second = bytes.len();
        push_frame(&mut bytes, FrameKind::Bytes, 7, 300, &[0xFF, b'\n', 0]);
        for broken in second..bytes.len() {
            let mut copy = bytes.clone();
            copy[broken] ^= 1;
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(&copy).expect("written");
            let mut reader = FrameReader::new(&file, copy.len() as u64);
            let first = reader.frame_at(0).expect("readable").expect("whole");
            assert_eq!((first.kind, first.next), (FrameKind::Header, second as u64));
            assert_eq!(
                reader.frame_at(first.next).expect("readable"),
                None,
                "byte {broken} was flipped unseen"
            );
        }
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&bytes).expect("written");
        let mut reader = FrameReader::new(&file, bytes.len() as u64);
        let frame = reader.frame_at(second as u64).expect("readable").expect("whole");
        assert_eq!(
            (frame.kind, frame.offset, frame.payload),
            (FrameKind::Bytes, 300, vec![0xFF, b'\n', 0])
        );
    }

    #[test]
    fn a_torn_frame_is_none() {
        let mut bytes = Vec::new();
        push_frame(&mut bytes, FrameKind::Bytes, 0, 0, b"hello");
        for kept in 0..bytes.len() {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(&bytes[..kept]).expect("written");
            assert_eq!(
                FrameReader::new(&file, kept as u64).frame_at(0).expect("readable"),
                None
            );
        }
    }
}
