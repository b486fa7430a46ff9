//! Output of a run that is not acknowledged yet: bounded, so that a server that is away or slow holds the job back.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use circle_api::worker::frames::{FrameHeader, Mark};
use circle_api::worker::{LogHole, MAX_CHUNK_BYTES, MAX_LOG_REQUEST_BYTES};
use tokio::sync::Notify;

/// Most bytes of one run that wait; more makes the job wait.
const MAX_WAITING_BYTES: usize = 8 * 1024 * 1024;
/// What a frame counts beside its bytes.
const FRAME_BYTES: usize = 256;
/// Most bytes of a request, so that headers have room beside them.
const MAX_BATCH_BYTES: usize = MAX_LOG_REQUEST_BYTES - 512 * 1024;

/// Frames that wait.
#[derive(Debug, Default)]
pub(super) struct LogQueue {
    state: Mutex<State>,
    pub(super) added: Notify,
    room: Notify,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Waiting>,
    /// The first so many are on their way.
    sent: usize,
    bytes: usize,
    stages: HashMap<String, Place>,
    closed: bool,
}

/// How far a stage's stream is.
#[derive(Debug, Default, Clone, Copy)]
struct Place {
    sequence: u64,
    offset: u64,
}

/// One frame.
#[derive(Debug)]
pub(super) struct Waiting {
    stage: String,
    offset: u64,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Chunk { sequence: u64, bytes: BytesMut },
    Mark(Mark),
}

impl LogQueue {
    /// Appends output to a stage's stream; waits while the queue is full.
    pub(super) async fn output(&self, stage: &str, mut bytes: Bytes) {
        while !bytes.is_empty() {
            self.wait_for_room().await;
            let piece = bytes.split_to(bytes.len().min(MAX_CHUNK_BYTES));
            self.state().append(stage, &piece);
            self.added.notify_one();
        }
    }

    /// Marks the end of what a stage's stream has.
    pub(super) async fn mark(&self, stage: &str, mark: Mark) {
        self.wait_for_room().await;
        let mut state = self.state();
        if state.closed {
            return;
        }
        let offset = state.stages.get(stage).copied().unwrap_or_default().offset;
        state.waiting.push_back(Waiting {
            stage: stage.to_owned(),
            offset,
            content: Content::Mark(mark),
        });
        state.bytes += FRAME_BYTES;
        drop(state);
        self.added.notify_one();
    }

    /// The next request's frames; they stay until [`LogQueue::acknowledge`]. Empty when nothing waits.
    pub(super) fn batch(&self, attempt: u32) -> BytesMut {
        let mut state = self.state();
        let mut body = BytesMut::new();
        let mut count = 0;
        for frame in &state.waiting {
            if count > 0 && body.len() + frame.size() > MAX_BATCH_BYTES {
                break;
            }
            frame.encode(attempt, &mut body);
            count += 1;
        }
        state.sent = count;
        body
    }

    /// What the last batch held is stored.
    pub(super) fn acknowledge(&self) {
        let mut state = self.state();
        let sent = std::mem::take(&mut state.sent);
        let freed: usize = state.waiting.drain(..sent).map(|frame| frame.size()).sum();
        state.bytes -= freed;
        let is_empty = state.waiting.is_empty();
        drop(state);
        self.room.notify_waiters();
        if is_empty {
            self.emptied.notify_waiters();
        }
    }

    /// Drops what the server has already, as it says which chunk it waits for. `false` = that chunk is gone from here.
    pub(super) fn rewind(&self, hole: &LogHole) -> bool {
        let mut state = self.state();
        let of_stage = |frame: &Waiting| frame.stage == hole.stage;
        let is_wanted = |frame: &Waiting| matches!(frame.content, Content::Chunk { sequence, .. } if sequence == hole.expected_sequence);
        if !state.waiting.iter().any(|frame| of_stage(frame) && is_wanted(frame)) {
            return false;
        }
        let had = |frame: &Waiting| matches!(frame.content, Content::Chunk { sequence, .. } if sequence < hole.expected_sequence);
        let before: usize = state.waiting.iter().map(Waiting::size).sum();
        state.waiting.retain(|frame| !(of_stage(frame) && had(frame)));
        let after: usize = state.waiting.iter().map(Waiting::size).sum();
        state.bytes -= before - after;
        state.sent = 0;
        true
    }

    /// Takes nothing more and forgets what waits: nobody wants it.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.waiting.clear();
        (state.bytes, state.sent) = (0, 0);
        drop(state);
        self.room.notify_waiters();
        self.emptied.notify_waiters();
    }

    /// Waits until everything is stored, or nothing will be.
    pub(super) async fn emptied(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.state().waiting.is_empty() {
                return;
            }
            emptied.await;
        }
    }

    async fn wait_for_room(&self) {
        loop {
            let room = self.room.notified();
            {
                let state = self.state();
                if state.closed || state.bytes < MAX_WAITING_BYTES {
                    return;
                }
            }
            room.await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Joins small pieces: a chunk that is not on its way yet grows up to its largest size.
    fn append(&mut self, stage: &str, piece: &[u8]) {
        if self.closed {
            return;
        }
        let free = self.waiting.len() > self.sent;
        let place = match self.stages.get_mut(stage) {
            Some(place) => place,
            None => self.stages.entry(stage.to_owned()).or_default(),
        };
        let offset = place.offset;
        place.offset += piece.len() as u64;
        self.bytes += piece.len();
        if free
            && let Some(Waiting {
                stage: last,
                content: Content::Chunk { bytes, .. },
                ..
            }) = self.waiting.back_mut()
            && last == stage
            && bytes.len() + piece.len() <= MAX_CHUNK_BYTES
        {
            bytes.extend_from_slice(piece);
            return;
        }
        let sequence = place.sequence;
        place.sequence += 1;
        self.bytes += FRAME_BYTES;
        let content = Content::Chunk {
            sequence,
            bytes: BytesMut::from(piece),
        };
        self.waiting.push_back(Waiting {
            stage: stage.to_owned(),
            offset,
            content,
        });
    }
}

impl Waiting {
    fn size(&self) -> usize {
        match &self.content {
            Content::Chunk { bytes, .. } => bytes.len() + FRAME_BYTES,
            Content::Mark(_) => FRAME_BYTES,
        }
    }

    fn encode(&self, attempt: u32, body: &mut BytesMut) {
        let (stage, offset) = (self.stage.clone(), self.offset);
        match &self.content {
            Content::Chunk { sequence, bytes } => {
                let len = u32::try_from(bytes.len()).expect("a chunk has at most 256 KiB");
                let header = FrameHeader::Chunk {
                    stage,
                    attempt,
                    sequence: *sequence,
                    offset,
                    len,
                };
                circle_api::worker::frames::encode(&header, bytes, body);
            }
            Content::Mark(mark) => {
                let header = FrameHeader::Mark {
                    stage,
                    attempt,
                    offset,
                    mark: mark.clone(),
                };
                circle_api::worker::frames::encode(&header, b"", body);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LogQueue, MAX_WAITING_BYTES};
    use bytes::Bytes;
    use circle_api::worker::frames::{Frame, FrameHeader, Mark, decode};
    use circle_api::worker::{LogHole, MAX_CHUNK_BYTES, MAX_LOG_REQUEST_BYTES};

    fn frames(queue: &LogQueue) -> Vec<Frame> {
        let body = queue.batch(1);
        assert!(
            body.len() <= MAX_LOG_REQUEST_BYTES,
            "{} bytes in one request",
            body.len()
        );
        decode(body.freeze()).expect("whole frames")
    }

    fn chunks(frames: &[Frame]) -> Vec<(u64, u64, usize)> {
        let chunk = |frame: &Frame| match &frame.header {
            FrameHeader::Chunk { sequence, offset, .. } => Some((*sequence, *offset, frame.bytes.len())),
            FrameHeader::Mark { .. } => None,
        };
        frames.iter().filter_map(chunk).collect()
    }

    #[tokio::test]
    async fn small_pieces_are_joined_and_marks_stand_where_they_were_made() {
        let queue = LogQueue::default();
        queue
            .mark(
                "build",
                Mark::Begin {
                    group: 0,
                    title: "make".into(),
                },
            )
            .await;
        for piece in [&b"ab"[..], b"cd"] {
            queue.output("build", Bytes::copy_from_slice(piece)).await;
        }
        queue
            .mark(
                "build",
                Mark::End {
                    group: 0,
                    exit_code: Some(0),
                    duration_ms: 1,
                },
            )
            .await;
        let frames = frames(&queue);
        assert_eq!(frames.len(), 3);
        assert_eq!(chunks(&frames), [(0, 0, 4)]);
        assert!(
            matches!(frames[2].header, FrameHeader::Mark { offset: 4, .. }),
            "{:?}",
            frames[2].header
        );
    }

    #[tokio::test]
    async fn what_is_on_its_way_does_not_change() {
        let queue = LogQueue::default();
        queue.output("build", Bytes::from_static(b"one")).await;
        assert_eq!(chunks(&frames(&queue)), [(0, 0, 3)]);
        queue.output("build", Bytes::from_static(b"two")).await;
        queue.acknowledge();
        assert_eq!(chunks(&frames(&queue)), [(1, 3, 3)]);
    }

    #[tokio::test]
    async fn a_lost_answer_sends_the_same_again_and_a_hole_rewinds() {
        let queue = LogQueue::default();
        queue
            .output("build", Bytes::from(vec![b'x'; MAX_CHUNK_BYTES * 3]))
            .await;
        assert_eq!(chunks(&frames(&queue)).len(), 3);
        assert_eq!(chunks(&frames(&queue)).len(), 3, "not acknowledged: the same again");
        let hole = |expected_sequence| LogHole {
            stage: "build".into(),
            expected_sequence,
            expected_offset: 0,
        };
        assert!(queue.rewind(&hole(1)));
        assert_eq!(chunks(&frames(&queue)).first().map(|chunk| chunk.0), Some(1));
        assert!(!queue.rewind(&hole(0)), "what was acknowledged is gone");
    }

    #[tokio::test]
    async fn a_full_queue_holds_the_job_back() {
        let queue = LogQueue::default();
        let piece = Bytes::from(vec![b'x'; MAX_CHUNK_BYTES]);
        let filled = async {
            for _ in 0..MAX_WAITING_BYTES {
                queue.output("build", piece.clone()).await;
            }
        };
        tokio::time::timeout(Duration::from_millis(200), filled)
            .await
            .expect_err("the queue took everything");
        let _ = queue.batch(1);
        queue.acknowledge();
        tokio::time::timeout(Duration::from_secs(5), queue.output("build", piece))
            .await
            .expect("room again");
    }
}
