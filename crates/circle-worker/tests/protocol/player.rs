//! An executor that only talks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use circle_api::worker::Assignment;
use circle_core::ids::RunId;
use circle_core::run::WorkerEvent;
use circle_worker::{Executor, PartEnd, Sink};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

/// Says lines, and perhaps waits to be stopped.
#[derive(Debug, Default)]
pub(crate) struct Player {
    lines: usize,
    pause: Duration,
    waits: bool,
    now: AtomicUsize,
    most: AtomicUsize,
    stopped: AtomicUsize,
    told: Mutex<Vec<bool>>,
}

impl Player {
    pub(crate) fn says(lines: usize) -> Self {
        Self {
            lines,
            ..Self::default()
        }
    }

    pub(crate) fn says_slowly(lines: usize) -> Self {
        Self {
            lines,
            pause: Duration::from_millis(5),
            ..Self::default()
        }
    }

    pub(crate) fn says_and_waits(lines: usize) -> Self {
        Self {
            lines,
            waits: true,
            ..Self::default()
        }
    }

    /// What it says.
    pub(crate) fn text(lines: usize) -> String {
        (0..lines).map(|line| format!("line {line}\n")).collect()
    }

    pub(crate) fn stopped(&self) -> usize {
        self.stopped.load(Ordering::SeqCst)
    }

    /// Of each part whose end was told, whether the server has accepted it.
    pub(crate) fn told(&self) -> Vec<bool> {
        self.told.lock().expect("no panic").clone()
    }

    pub(crate) fn most_at_once(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Executor for Player {
    async fn execute(&self, _: Arc<Assignment>, sink: Arc<dyn Sink>, stop: CancellationToken) -> PartEnd {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        sink.event(WorkerEvent::StageStarted {
            stage: "build".into(),
            at: Timestamp::now(),
            attempt: 1,
        })
        .await;
        for line in 0..self.lines {
            sink.output("build", Bytes::from(format!("line {line}\n"))).await;
            if !self.pause.is_zero() {
                tokio::time::sleep(self.pause).await;
            }
        }
        if self.waits {
            stop.cancelled().await;
            self.stopped.fetch_add(1, Ordering::SeqCst);
        }
        self.now.fetch_sub(1, Ordering::SeqCst);
        if self.waits {
            PartEnd::Stopped
        } else {
            PartEnd::Succeeded
        }
    }

    fn told(&self, _: RunId, _: u64, is_accepted: bool) {
        self.told.lock().expect("no panic").push(is_accepted);
    }
}
