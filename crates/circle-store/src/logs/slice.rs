//! What a read asks for and returns.

use bytes::Bytes;

/// The most bytes of one slice: what a reader costs in memory.
pub const READ_BYTES: usize = 1024 * 1024;
/// The most lines of one slice.
pub const READ_LINES: u64 = 100_000;

/// Where to read from. Beyond the end, a read returns an empty slice at the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// So many bytes in.
    Byte(u64),
    /// Where line so-and-so begins, counted from 0. A line ends with `\n`; the last one need not.
    Line(u64),
}

/// A part of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Slice {
    /// Where `bytes` begins.
    pub offset: u64,
    /// How many `\n` come before `offset`.
    pub line: u64,
    /// As they were appended. Empty only at the end of what is there.
    pub bytes: Bytes,
    /// How many `\n` come before the end of `bytes`.
    pub next_line: u64,
    /// How long the stream was when it was read.
    pub length: u64,
    /// How many `\n` it had.
    pub lines: u64,
    /// Nothing will be added to it: it ended, was superseded, or its run was closed.
    pub complete: bool,
}

impl Slice {
    /// Where the next slice begins.
    pub fn next_offset(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}
