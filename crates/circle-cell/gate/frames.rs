//! The events as bytes: a kind, a length (32 bits, little endian), and as many bytes.

use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

use crate::job::Verdict;

pub(crate) const MAIN: u8 = 0;
pub(crate) const FINALLY: u8 = 1;

/// The pipe to the worker. Writing waits when the worker is slow; so then do the commands.
pub(crate) struct Events {
    pipe: File,
}

impl Events {
    pub(crate) fn new(pipe: File) -> Self {
        Self { pipe }
    }

    pub(crate) fn waiting(&mut self) -> io::Result<()> {
        self.frame(0, &[])
    }

    pub(crate) fn begin(&mut self, list: u8, index: u32) -> io::Result<()> {
        self.frame(1, &[&[list][..], &index.to_le_bytes()])
    }

    /// `stream`: 1 for output, 2 for errors.
    pub(crate) fn output(&mut self, stream: u8, bytes: &[u8]) -> io::Result<()> {
        self.frame(1 + stream, &[bytes])
    }

    pub(crate) fn end(&mut self, list: u8, index: u32, code: i32, duration: Duration) -> io::Result<()> {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.frame(
            4,
            &[
                &[list][..],
                &index.to_le_bytes(),
                &code.to_le_bytes(),
                &micros.to_le_bytes(),
            ],
        )
    }

    pub(crate) fn finished(&mut self, verdict: Verdict) -> io::Result<()> {
        let (kind, number) = match verdict {
            Verdict::Code(code) => (0, code),
            Verdict::Signal(signal) => (1, signal),
        };
        self.frame(5, &[&[kind][..], &number.to_le_bytes()])
    }

    pub(crate) fn failed(&mut self, reason: &str) -> io::Result<()> {
        self.frame(6, &[reason.as_bytes()])
    }

    pub(crate) fn closed(&mut self) -> io::Result<()> {
        self.frame(7, &[])
    }

    fn frame(&mut self, kind: u8, parts: &[&[u8]]) -> io::Result<()> {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        let mut frame = Vec::with_capacity(5 + length);
        frame.push(kind);
        frame.extend(u32::try_from(length).map_err(io::Error::other)?.to_le_bytes());
        parts.iter().for_each(|part| frame.extend_from_slice(part));
        self.pipe.write_all(&frame)
    }
}
