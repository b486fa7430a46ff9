//! The sink that tells a server.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use circle_api::worker::frames::Mark;
use circle_core::run::{StoredOutput, WorkerEvent};
use tokio::task::JoinSet;

use super::calls::RunCalls;
use super::connection::CallError;
use super::events::Outbox;
use super::log_queue::LogQueue;
use super::log_sender;
use super::pause::Pause;
use super::stop::{Stop, Stopper};
use crate::sink::{Sink, SinkError};

/// How often an output is sent or fetched before the stage fails.
const OUTPUT_TRIES: u32 = 8;

/// Tells a server what happens in one run; what it has taken, it delivers, however long the server is away.
#[derive(Debug)]
pub(crate) struct RemoteSink {
    calls: RunCalls,
    outbox: Outbox,
    log: Arc<LogQueue>,
    stopper: Stopper,
    tasks: std::sync::Mutex<JoinSet<()>>,
}

impl RemoteSink {
    /// Begins to deliver, and to beat for the lease.
    pub(crate) fn start(calls: RunCalls, stopper: Stopper, lease: Duration) -> Self {
        let (outbox, log) = (Outbox::default(), Arc::new(LogQueue::default()));
        let mut tasks = JoinSet::new();
        tasks.spawn(outbox.clone().deliver(calls.clone(), stopper.clone()));
        tasks.spawn(log_sender::deliver(log.clone(), calls.clone(), stopper.clone()));
        tasks.spawn(beat(calls.clone(), stopper.clone(), lease));
        Self {
            calls,
            outbox,
            log,
            stopper,
            tasks: std::sync::Mutex::new(tasks),
        }
    }

    /// Says the last event after all output is stored, and waits until it is acknowledged or nobody wants it. Gives whether
    /// the server has accepted it, and counts it.
    pub(crate) async fn finish(&self, last: WorkerEvent) -> bool {
        self.stopper_or(self.log.emptied()).await;
        if self.stopper.is_stale() {
            return false;
        }
        self.outbox.push(last);
        self.outbox.emptied().await
    }

    /// Waits for something, but not beyond the loss of the lease.
    async fn stopper_or(&self, wait: impl Future<Output = ()>) {
        tokio::pin!(wait);
        loop {
            tokio::select! {
                () = &mut wait => return,
                () = tokio::time::sleep(Duration::from_millis(100)) => {
                    if self.stopper.is_stale() {
                        return;
                    }
                }
            }
        }
    }

    async fn again(&self, error: CallError, pause: &mut Pause) -> Result<(), SinkError> {
        match error {
            CallError::Later(why) if pause.failures() >= OUTPUT_TRIES => Err(SinkError::Unreachable(why)),
            CallError::Later(_) => {
                pause.wait().await;
                Ok(())
            }
            CallError::Gone(_) => {
                self.stopper.stop(Stop::Stale);
                Err(SinkError::Refused("the lease is gone".to_owned()))
            }
            error => Err(SinkError::Refused(error.to_string())),
        }
    }
}

impl Drop for RemoteSink {
    fn drop(&mut self) {
        // Whoever waits for room in the log must not wait for a sender that is gone.
        self.log.close();
        if let Ok(tasks) = self.tasks.get_mut() {
            tasks.abort_all();
        }
    }
}

#[async_trait]
impl Sink for RemoteSink {
    async fn event(&self, event: WorkerEvent) {
        self.outbox.push(event);
    }

    async fn output(&self, stage: &str, bytes: Bytes) {
        self.log.output(stage, bytes).await;
    }

    async fn mark(&self, stage: &str, mark: Mark) {
        self.log.mark(stage, mark).await;
    }

    async fn store(&self, stage: &str, tar: &Path) -> Result<StoredOutput, SinkError> {
        let mut pause = Pause::default();
        loop {
            match self.calls.store(stage, tar).await {
                Ok(stored) => return Ok(stored.output),
                Err(error) => self.again(error, &mut pause).await?,
            }
        }
    }

    async fn fetch(&self, stage: &str, tar: &Path) -> Result<(), SinkError> {
        let mut pause = Pause::default();
        loop {
            match self.calls.fetch(stage, tar).await {
                Ok(()) => return Ok(()),
                Err(error) => self.again(error, &mut pause).await?,
            }
        }
    }
}

/// Beats three times within the lease. A server that is away is no reason to stop: it says itself when the lease is gone.
async fn beat(calls: RunCalls, stopper: Stopper, lease: Duration) {
    let mut period = (lease / 3).max(Duration::from_millis(50));
    loop {
        tokio::time::sleep(period).await;
        match calls.heartbeat().await {
            Ok(answer) => {
                period = (Duration::from_millis(answer.lease_ms) / 3).max(Duration::from_millis(50));
                if answer.cancel.is_some() {
                    stopper.stop(Stop::Cancelled);
                }
            }
            Err(CallError::Later(why)) => tracing::warn!(why, "a heartbeat was not heard"),
            Err(error) => {
                tracing::warn!(%error, "the lease is gone");
                return stopper.stop(Stop::Stale);
            }
        }
    }
}
