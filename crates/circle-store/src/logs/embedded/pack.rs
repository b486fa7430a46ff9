//! A closed run becomes small: blocks compressed each by itself, their index behind them, the original removed.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::frame::{FrameKind, number, push_frame};
use super::index::{Anchor, ENTRY_BYTES, push_entry};
use super::io_error::{at, damaged};
use super::layout::{index_file, log_file, packed_file, remove_if_there, sync_folder};
use super::repair::read_header;
use super::source::Source;
use super::state::{StreamState, count_lines};
use crate::logs::{LogError, Place};

/// Stream bytes of one block: what a read has to unpack at least.
pub(super) const BLOCK_BYTES: usize = 256 * 1024;
/// zstd's default: logs shrink about tenfold at hundreds of megabytes a second.
const LEVEL: i32 = 3;
/// The end of a packed file: magic, end of the frames, entries, length, lines, ended, checksum.
const FOOTER_BYTES: usize = 8 + 5 * 8 + 4;
const MAGIC: &[u8; 8] = b"CIRCLOG1";

/// Writes the packed file of a stream and puts it in place in one step; the original is still there afterwards.
pub(super) fn pack_stream(folder: &Path, stream: &StreamState) -> Result<StreamState, LogError> {
    let path = packed_file(folder, stream.number);
    let part = path.with_extension("part");
    let packed = write_packed(folder, &part, stream);
    let packed = packed.and_then(|packed| {
        std::fs::rename(&part, &path)
            .and_then(|()| sync_folder(folder))
            .map_err(at(&path))?;
        Ok(packed)
    });
    if packed.is_err() {
        // The part is of no use; if it cannot be removed now, the next attempt overwrites it.
        let _ = remove_if_there(&part);
    }
    packed
}

/// Removes what a packed file was made of.
pub(super) fn remove_original(folder: &Path, number: u32) -> Result<(), LogError> {
    for path in [log_file(folder, number), index_file(folder, number)] {
        remove_if_there(&path).map_err(at(&path))?;
    }
    Ok(())
}

/// The state of a packed stream.
pub(super) fn load_packed(path: &Path, file_number: u32) -> Result<StreamState, LogError> {
    let file = File::open(path).map_err(at(path))?;
    let size = file.metadata().map_err(at(path))?.len();
    let foot_at = size.saturating_sub(FOOTER_BYTES as u64);
    let mut foot = [0; FOOTER_BYTES];
    file.read_exact_at(&mut foot, foot_at).map_err(at(path))?;
    let fits = u64::from(crc32fast::hash(&foot[..48])) == number(&foot[48..]);
    let header = read_header(&file, path, foot_at, file_number)?;
    let Some(mut stream) = header.filter(|_| fits && foot.starts_with(MAGIC)) else {
        return Err(damaged(path, foot_at, "a compressed log has no whole header or footer"));
    };
    let field = |place: usize| number(&foot[place * 8..place * 8 + 8]);
    (stream.end, stream.entries, stream.length, stream.lines) = (field(1), field(2), field(3), field(4));
    stream.ended = field(5) == 1;
    stream.packed = true;
    Ok(stream)
}

fn write_packed(folder: &Path, part: &Path, stream: &StreamState) -> Result<StreamState, LogError> {
    let source = Source::open(folder, stream)?.ok_or(LogError::Missing)?;
    let file = File::create(part).map_err(at(part))?;
    let mut out = Packer::new(BufWriter::new(file), stream)?;
    let mut pieces = source.pieces(source.anchor(Place::Byte(0))?);
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    while let Some(piece) = pieces.next()? {
        let mut rest = &piece.bytes[..];
        while !rest.is_empty() {
            let (fits, later) = rest.split_at(rest.len().min(BLOCK_BYTES - block.len()));
            block.extend_from_slice(fits);
            rest = later;
            if block.len() == BLOCK_BYTES {
                out.block(&block).map_err(at(part))?;
                block.clear();
            }
        }
    }
    if !block.is_empty() {
        out.block(&block).map_err(at(part))?;
    }
    if out.stream.length != stream.length {
        return Err(damaged(
            part,
            out.stream.end,
            "fewer bytes were found than were appended",
        ));
    }
    out.finish().map_err(at(part))
}

/// Writes frames, then the index, then the footer.
struct Packer {
    out: BufWriter<File>,
    compressor: zstd::bulk::Compressor<'static>,
    index: Vec<u8>,
    stream: StreamState,
}

impl Packer {
    fn new(mut out: BufWriter<File>, stream: &StreamState) -> Result<Self, LogError> {
        let unavailable = |error: std::io::Error| LogError::Unavailable {
            reason: format!("zstd: {error}"),
        };
        let compressor = zstd::bulk::Compressor::new(LEVEL).map_err(unavailable)?;
        let mut header = Vec::new();
        let name = serde_json::to_vec(&stream.id).expect("a name and a number are JSON");
        push_frame(&mut header, FrameKind::Header, 0, 0, &name);
        out.write_all(&header).map_err(at(Path::new("a compressed log")))?;
        let mut packed = StreamState::new(stream.id.clone(), stream.number);
        packed.first = header.len() as u64;
        packed.end = packed.first;
        (packed.marks, packed.ended, packed.packed) = (stream.marks, stream.ended, true);
        Ok(Self {
            out,
            compressor,
            index: Vec::new(),
            stream: packed,
        })
    }

    fn block(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let stream = &mut self.stream;
        push_entry(
            &mut self.index,
            &Anchor {
                offset: stream.length,
                line: stream.lines,
                position: stream.end,
            },
        );
        let mut frame = Vec::new();
        push_frame(
            &mut frame,
            FrameKind::Block,
            0,
            stream.length,
            &self.compressor.compress(bytes)?,
        );
        self.out.write_all(&frame)?;
        stream.end += frame.len() as u64;
        stream.length += bytes.len() as u64;
        stream.lines += count_lines(bytes);
        Ok(())
    }

    fn finish(mut self) -> std::io::Result<StreamState> {
        let stream = &mut self.stream;
        stream.entries = self.index.len() as u64 / ENTRY_BYTES;
        let mut footer = MAGIC.to_vec();
        for field in [
            stream.end,
            stream.entries,
            stream.length,
            stream.lines,
            u64::from(stream.ended),
        ] {
            footer.extend(field.to_le_bytes());
        }
        footer.extend(crc32fast::hash(&footer).to_le_bytes());
        self.out.write_all(&self.index)?;
        self.out.write_all(&footer)?;
        self.out
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error)?
            .sync_all()?;
        Ok(self.stream)
    }
}
