//! The log of one stage: masked, in groups, in order.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use circle_api::worker::frames::Mark;
use circle_core::mask::{MaskStream, NamedLines, Said};

use super::flow::{RunFlow, StageFlow};
use super::masks::Masks;
use crate::Sink;

/// Longest title of a group; a header of the protocol holds 16 KiB.
const MAX_TITLE_CHARS: usize = 2_000;
/// So much of the end is kept, to be looked through when the stage has failed.
const TAIL_BYTES: usize = 4 * 1024;

/// The log of one stage. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct StageLog {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stage: String,
    sink: Arc<dyn Sink>,
    masks: Masks,
    groups: AtomicU32,
    spoke: Mutex<Instant>,
    /// Writers that wait for the sink.
    waiting: AtomicU32,
    flow: StageFlow,
    tail: Mutex<VecDeque<u8>>,
}

/// One stream of output with a masker of its own.
#[derive(Debug)]
pub(crate) struct LogStream {
    log: StageLog,
    mask: MaskStream,
    /// Which masks `mask` is made of.
    generation: u64,
    /// Lines that name what is masked from then on; only those of jobs count.
    named: Option<NamedLines>,
}

/// A group that has begun.
#[derive(Debug)]
pub(crate) struct Group {
    number: u32,
    began: Instant,
}

impl StageLog {
    pub(crate) fn new(stage: &str, sink: Arc<dyn Sink>, masks: Masks, flow: RunFlow) -> Self {
        let spoke = Mutex::new(Instant::now());
        let (groups, waiting) = (AtomicU32::new(0), AtomicU32::new(0));
        Self {
            shared: Arc::new(Shared {
                stage: stage.to_owned(),
                sink,
                masks,
                groups,
                spoke,
                waiting,
                flow: StageFlow::new(flow),
                tail: Mutex::default(),
            }),
        }
    }

    /// A line of Circle's own.
    pub(crate) async fn say(&self, text: &str) {
        let mut line = self.shared.masks.text(text);
        line.push('\n');
        self.tell(line.into_bytes()).await;
    }

    /// Begins a stream of somebody else's output.
    pub(crate) fn stream(&self) -> LogStream {
        // The number first: masks that come in between are taken with the next piece.
        let generation = self.shared.masks.generation();
        LogStream {
            log: self.clone(),
            mask: self.shared.masks.masker().stream(),
            generation,
            named: None,
        }
    }

    /// Begins a stream of a job's own output, whose lines may name what is masked from then on.
    pub(crate) fn job_stream(&self) -> LogStream {
        LogStream {
            named: Some(NamedLines::default()),
            ..self.stream()
        }
    }

    /// Begins a group.
    pub(crate) async fn begin(&self, title: &str) -> Group {
        let number = self.shared.groups.fetch_add(1, Ordering::Relaxed);
        let title = self.shared.masks.text(title).chars().take(MAX_TITLE_CHARS).collect();
        self.shared
            .sink
            .mark(&self.shared.stage, Mark::Begin { group: number, title })
            .await;
        self.spoke_now();
        Group {
            number,
            began: Instant::now(),
        }
    }

    /// Ends a group; without a duration, it lasted since it began.
    pub(crate) async fn end(&self, group: Group, exit_code: Option<i64>, duration: Option<Duration>) {
        let lasted = duration.unwrap_or_else(|| group.began.elapsed());
        let duration_ms = u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX);
        let mark = Mark::End {
            group: group.number,
            exit_code,
            duration_ms,
        };
        self.shared.sink.mark(&self.shared.stage, mark).await;
        self.spoke_now();
    }

    /// How long nothing was said; waiting for a slow server is not the job's silence.
    pub(crate) fn silence(&self) -> Duration {
        if self.shared.waiting.load(Ordering::Relaxed) > 0 {
            return Duration::ZERO;
        }
        self.shared
            .spoke
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }

    /// Masks a text that goes elsewhere.
    pub(crate) fn masked(&self, text: &str) -> String {
        self.shared.masks.text(text)
    }

    /// The end of what the stage printed, masked.
    pub(super) fn tail(&self) -> String {
        let tail = self.shared.tail.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&tail.iter().copied().collect::<Vec<u8>>()).into_owned()
    }

    /// How much the stage may print, and has.
    pub(super) fn flow(&self) -> &StageFlow {
        &self.shared.flow
    }

    /// The stage's own output, within its bounds.
    async fn send(&self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            let _waits = Waiting::new(&self.shared.waiting);
            self.shared.flow.pass(bytes.len()).await;
            let mut tail = self.shared.tail.lock().unwrap_or_else(PoisonError::into_inner);
            tail.extend(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
            let surplus = tail.len().saturating_sub(TAIL_BYTES);
            tail.drain(..surplus);
        }
        self.tell(bytes).await;
    }

    async fn tell(&self, bytes: Vec<u8>) {
        if !bytes.is_empty() {
            let _waits = Waiting::new(&self.shared.waiting);
            self.shared.sink.output(&self.shared.stage, Bytes::from(bytes)).await;
        }
        self.spoke_now();
    }

    fn spoke_now(&self) {
        *self.shared.spoke.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// Counts one writer that waits, also when it is given up.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicU32) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl LogStream {
    /// Writes a piece; what could be the beginning of a secret waits for the next.
    pub(crate) async fn write(&mut self, piece: &[u8]) {
        let Some(named) = &mut self.named else {
            return self.show(piece).await;
        };
        let said = named.split(piece);
        self.take(said).await;
    }

    /// Ends the stream.
    pub(crate) async fn finish(mut self) {
        let last = self.named.as_mut().and_then(NamedLines::finish);
        self.take(last.into_iter().collect()).await;
        let mut shown = Vec::new();
        self.mask.finish(&mut shown);
        self.log.send(shown).await;
    }

    /// Values that follow each other are masked at once: each change makes a masker anew.
    async fn take(&mut self, said: Vec<Said<'_>>) {
        let mut values = Vec::new();
        for one in said {
            match one {
                Said::Named(value) => values.push(value),
                Said::Refused(why) => self.log.say(&format!("circle: {why}")).await,
                Said::Text(text) => {
                    self.name(&mut values).await;
                    self.show(text).await;
                }
            }
        }
        self.name(&mut values).await;
    }

    async fn name(&mut self, values: &mut Vec<String>) {
        if !values.is_empty() && !self.log.shared.masks.name(&std::mem::take(values)) {
            let text = "circle: this run names more by ::add-mask:: than 256 values or 64 KiB; the rest is not masked";
            self.log.say(text).await;
        }
    }

    async fn show(&mut self, piece: &[u8]) {
        let generation = self.log.shared.masks.generation();
        if generation != self.generation {
            self.generation = generation;
            self.mask.renew(self.log.shared.masks.masker());
        }
        let mut shown = Vec::with_capacity(piece.len());
        self.mask.write(piece, &mut shown);
        self.log.send(shown).await;
    }
}
