//! Sends a run's output: at once after a pause, otherwise what came together while the request before was on its way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use circle_api::worker::LogHole;

use super::calls::RunCalls;
use super::connection::CallError;
use super::log_queue::LogQueue;
use super::pause::Pause;
use super::stop::{Stop, Stopper};

/// At least so long between the beginnings of two requests: many short lines become one.
const PERIOD: Duration = Duration::from_millis(25);

/// Sends until it is aborted, or the run may not be spoken of any more.
pub(super) async fn deliver(queue: Arc<LogQueue>, calls: RunCalls, stopper: Stopper) {
    let mut pause = Pause::default();
    let mut last: Option<Instant> = None;
    loop {
        if let Some(last) = last {
            tokio::time::sleep(PERIOD.saturating_sub(last.elapsed())).await;
        }
        let added = queue.added.notified();
        let body = queue.batch(calls.attempt());
        if body.is_empty() {
            added.await;
            continue;
        }
        last = Some(Instant::now());
        match calls.log(body.freeze()).await {
            Ok(_) => {
                pause.reset();
                queue.acknowledge();
            }
            Err(CallError::Later(why)) => {
                tracing::warn!(why, "output could not be delivered; trying again");
                pause.wait().await;
            }
            Err(CallError::Gone(text)) => match serde_json::from_str::<LogHole>(&text) {
                Ok(hole) if queue.rewind(&hole) => {}
                Ok(hole) => {
                    tracing::error!(
                        stage = hole.stage,
                        chunk = hole.expected_sequence,
                        "the server lost output that it had; the log ends here"
                    );
                    return queue.close();
                }
                Err(_) => {
                    queue.close();
                    return stopper.stop(Stop::Stale);
                }
            },
            Err(error) => {
                tracing::error!(%error, "the server refuses the output");
                queue.close();
                return stopper.stop(Stop::Stale);
            }
        }
    }
}
