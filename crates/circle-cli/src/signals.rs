//! SIGTERM, SIGINT and SIGHUP: each asks a long-running process to end.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The signals that end Circle, from the moment this is made.
#[derive(Debug)]
pub(crate) struct Signals {
    all: [Signal; 3],
}

impl Signals {
    pub(crate) fn new() -> std::io::Result<Self> {
        let all = [
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        ];
        Ok(Self { all })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        let [terminate, interrupt, hangup] = &mut self.all;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = hangup.recv() => {}
        }
    }

    /// Drives `work`, cancelling `shutdown` at the first signal; `None` when a second one came before it ended.
    pub(crate) async fn end<T>(mut self, shutdown: &CancellationToken, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => return Some(done),
            () = self.next() => shutdown.cancel(),
        }
        tokio::select! {
            done = &mut work => Some(done),
            () = self.next() => None,
        }
    }
}
