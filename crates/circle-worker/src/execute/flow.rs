//! The flow of a run's output through its bounds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use circle_core::run::{LogBounds, LogMeter, Metered};
use tokio::sync::watch;

/// What all stages of a run print together. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct RunFlow {
    meter: Arc<Mutex<LogMeter>>,
    began: Instant,
}

/// What one stage prints.
#[derive(Debug)]
pub(super) struct StageFlow {
    run: RunFlow,
    bytes: Mutex<u64>,
    held_back: Mutex<Duration>,
    full: watch::Sender<Option<String>>,
}

/// Shorter waits are not worth a line.
const WORTH_TELLING: Duration = Duration::from_secs(1);

impl RunFlow {
    pub(super) fn new(bounds: LogBounds) -> Self {
        Self {
            meter: Arc::new(Mutex::new(LogMeter::new(bounds))),
            began: Instant::now(),
        }
    }
}

impl StageFlow {
    pub(super) fn new(run: RunFlow) -> Self {
        Self {
            run,
            bytes: Mutex::default(),
            held_back: Mutex::default(),
            full: watch::Sender::new(None),
        }
    }

    /// Returns when so many bytes may be told; never, once a bound is passed: then [`StageFlow::overflow`] ends the stage.
    pub(super) async fn pass(&self, bytes: usize) {
        let metered = {
            let mut stage = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
            let mut meter = self.run.meter.lock().unwrap_or_else(PoisonError::into_inner);
            meter.take(&mut stage, bytes as u64, self.run.began.elapsed())
        };
        match metered {
            Metered::Pass(Duration::ZERO) => {}
            Metered::Pass(wait) => {
                *self.held_back.lock().unwrap_or_else(PoisonError::into_inner) += wait;
                tokio::time::sleep(wait).await;
            }
            Metered::Full(sentence) => {
                self.full.send_replace(Some(sentence));
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until a bound is passed, and says which.
    pub(super) async fn overflow(&self) -> String {
        let mut full = self.full.subscribe();
        let sentence = full.wait_for(Option::is_some).await.ok().and_then(|full| full.clone());
        match sentence {
            Some(sentence) => sentence,
            // The sender lives as long as this flow; nobody can overflow what is gone.
            None => std::future::pending().await,
        }
    }

    /// A line about how long output was held back, when that is worth one; counts anew afterwards.
    pub(super) fn held_back(&self) -> Option<String> {
        let held = std::mem::take(&mut *self.held_back.lock().unwrap_or_else(PoisonError::into_inner));
        (held >= WORTH_TELLING).then(|| {
            format!(
                "circle: the output came faster than a log may grow and was held back, the job with it, for {} s (the \
                 server's --log-rate-mib)",
                held.as_secs()
            )
        })
    }
}
