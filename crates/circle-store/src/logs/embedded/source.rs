//! A stream's bytes from any place on, whether its file is being appended to or is compressed.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::frame::{FrameKind, FrameReader};
use super::index::{Anchor, IndexView};
use super::io_error::{at, damaged};
use super::layout::{index_file, log_file, packed_file};
use super::pack::BLOCK_BYTES;
use super::state::StreamState;
use crate::logs::{LogError, Place};

/// An opened stream: stays readable when its files are replaced or removed.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    file: File,
    index: Option<IndexView>,
    first: u64,
    end: u64,
}

/// Bytes of one frame.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) offset: u64,
    pub(super) bytes: Vec<u8>,
}

impl Source {
    /// `None` if the files are not where they were: look again where the run is.
    pub(super) fn open(folder: &Path, stream: &StreamState) -> Result<Option<Self>, LogError> {
        let path = if stream.packed {
            packed_file(folder, stream.number)
        } else {
            log_file(folder, stream.number)
        };
        let Some(file) = open_if_there(&path)? else {
            return Ok(None);
        };
        let index = if stream.packed {
            let file = file.try_clone().map_err(at(&path))?;
            Some(IndexView {
                file,
                base: stream.end,
                count: stream.entries,
            })
        } else {
            let file = open_if_there(&index_file(folder, stream.number))?;
            file.map(|file| IndexView {
                file,
                base: 0,
                count: stream.entries,
            })
        };
        Ok(Some(Self {
            path,
            file,
            index,
            first: stream.first,
            end: stream.end,
        }))
    }

    /// Where to begin to reach a place.
    pub(super) fn anchor(&self, place: Place) -> Result<Anchor, LogError> {
        let start = Anchor {
            offset: 0,
            line: 0,
            position: self.first,
        };
        let Some(index) = &self.index else { return Ok(start) };
        // An index that is shorter than it was (a full disk) or cannot be read only makes the way longer.
        Ok(index.before(place, self.end).ok().flatten().unwrap_or(start))
    }

    /// The pieces from an anchor on.
    pub(super) fn pieces(&self, anchor: Anchor) -> Pieces<'_> {
        let reader = FrameReader::new(&self.file, self.end);
        Pieces {
            path: &self.path,
            reader,
            position: anchor.position,
            end: self.end,
        }
    }
}

/// Goes from piece to piece.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    path: &'a Path,
    reader: FrameReader<'a>,
    position: u64,
    end: u64,
}

impl Pieces<'_> {
    /// `None` at the end; a frame that does not fit its checksum is an error.
    pub(super) fn next(&mut self) -> Result<Option<Piece>, LogError> {
        while self.position < self.end {
            let frame = self.reader.frame_at(self.position).map_err(at(self.path))?;
            let frame = frame.ok_or_else(|| damaged(self.path, self.position, "a record does not fit its checksum"))?;
            let here = std::mem::replace(&mut self.position, frame.next);
            let bytes = match frame.kind {
                FrameKind::Bytes => frame.payload,
                FrameKind::Block => zstd::bulk::decompress(&frame.payload, BLOCK_BYTES)
                    .map_err(|error| damaged(self.path, here, &format!("a block cannot be unpacked: {error}")))?,
                FrameKind::Header | FrameKind::End | FrameKind::Mark => continue,
            };
            return Ok(Some(Piece {
                offset: frame.offset,
                bytes,
            }));
        }
        Ok(None)
    }
}

fn open_if_there(path: &Path) -> Result<Option<File>, LogError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}
