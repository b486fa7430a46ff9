//! What was sent of a stage's log, and what comes next.

use std::collections::VecDeque;

use bytes::BytesMut;
use circle_api::live::{MAX_SERVER_MESSAGE_BYTES, Place as Wanted};
use circle_api::worker::frames::{FrameHeader, MAX_HEADER_BYTES, Mark, encode};
use circle_core::ids::RunId;
use circle_store::logs::{LogArchive, LogError, MarksQuery, Place, Read, StreamInfo};

use crate::limits::LOG_SLICE_BYTES;

/// Marks that are read ahead of the bytes that they stand before.
const MARKS_AHEAD: usize = 1000;

/// One attempt of one stage, as far as this connection has it.
#[derive(Debug)]
pub(super) struct Cursor {
    stage: String,
    attempt: u32,
    /// The first byte that was not sent.
    pub(super) offset: u64,
    sequence: u64,
    /// Marks taken from the archive so far.
    taken: usize,
    /// Marks whose place was not reached.
    ahead: VecDeque<(u64, Mark)>,
}

/// A message and how many bytes of log are in it.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) message: BytesMut,
    pub(super) log_bytes: u64,
}

impl Cursor {
    /// Begins a stage where the client wants it; an offset of an older attempt counts nothing.
    pub(super) fn new(info: &StreamInfo, wanted: &[Wanted]) -> Self {
        let (stage, attempt) = (info.stream.stage.clone(), info.stream.attempt);
        let known = wanted
            .iter()
            .find(|place| place.stage == stage && place.attempt == attempt);
        let offset = known.map_or(0, |place| place.offset.min(info.length));
        Self {
            stage,
            attempt,
            offset,
            sequence: 0,
            taken: 0,
            ahead: VecDeque::new(),
        }
    }

    /// Whether this is the stream.
    pub(super) fn is_of(&self, info: &StreamInfo) -> bool {
        self.stage == info.stream.stage && self.attempt == info.stream.attempt
    }

    /// Whether it is another attempt of the same stage.
    pub(super) fn is_stage_of(&self, info: &StreamInfo) -> bool {
        self.stage == info.stream.stage
    }

    /// The next message of at most `room` bytes of log, or `None` when everything that is there was sent.
    pub(super) async fn next(
        &mut self,
        archive: &dyn LogArchive,
        run: RunId,
        info: &StreamInfo,
        room: u64,
    ) -> Result<Option<Frames>, LogError> {
        self.read_marks(archive, run, info).await?;
        let mut frames = Frames {
            message: BytesMut::new(),
            log_bytes: 0,
        };
        self.put_marks(&mut frames);
        let left = info.length.saturating_sub(self.offset);
        let most = left.min(room).min(LOG_SLICE_BYTES as u64);
        if most > 0 {
            let until = self.ahead.front().map_or(u64::MAX, |(at, _)| *at - self.offset);
            self.put_bytes(archive, run, most.min(until), &mut frames).await?;
            self.put_marks(&mut frames);
        }
        Ok((!frames.message.is_empty()).then_some(frames))
    }

    async fn put_bytes(
        &mut self,
        archive: &dyn LogArchive,
        run: RunId,
        most: u64,
        frames: &mut Frames,
    ) -> Result<(), LogError> {
        let read = Read::new(run.to_string(), self.stage.clone(), Place::Byte(self.offset)).attempt(self.attempt);
        let slice = archive
            .read(read.limit_bytes(usize::try_from(most).unwrap_or(LOG_SLICE_BYTES)))
            .await?;
        if slice.bytes.is_empty() {
            return Ok(());
        }
        let header = FrameHeader::Chunk {
            stage: self.stage.clone(),
            attempt: self.attempt,
            sequence: self.sequence,
            offset: slice.offset,
            len: u32::try_from(slice.bytes.len()).unwrap_or(u32::MAX),
        };
        encode(&header, &slice.bytes, &mut frames.message);
        frames.log_bytes += slice.bytes.len() as u64;
        self.sequence += 1;
        self.offset = slice.next_offset();
        Ok(())
    }

    /// Puts every mark whose place is reached, while the message has room.
    fn put_marks(&mut self, frames: &mut Frames) {
        while let Some((offset, mark)) = self.ahead.front() {
            if *offset > self.offset || frames.message.len() + MAX_HEADER_BYTES > MAX_SERVER_MESSAGE_BYTES {
                return;
            }
            let header = FrameHeader::Mark {
                stage: self.stage.clone(),
                attempt: self.attempt,
                offset: *offset,
                mark: mark.clone(),
            };
            encode(&header, b"", &mut frames.message);
            self.ahead.pop_front();
        }
    }

    async fn read_marks(&mut self, archive: &dyn LogArchive, run: RunId, info: &StreamInfo) -> Result<(), LogError> {
        if !self.ahead.is_empty() || self.taken as u64 >= info.marks {
            return Ok(());
        }
        let query = MarksQuery {
            stage: Some(self.stage.clone()),
            attempt: Some(self.attempt),
            skip: self.taken,
        };
        let marks = archive.marks(&run.to_string(), query).await?;
        for one in marks.into_iter().take(MARKS_AHEAD) {
            self.taken += 1;
            // What stands before the place that the client asked for, it has.
            if one.mark.offset < self.offset && self.sequence == 0 {
                continue;
            }
            if let Ok(mark) = serde_json::from_value(one.mark.data) {
                self.ahead.push_back((one.mark.offset, mark));
            }
        }
        Ok(())
    }
}
