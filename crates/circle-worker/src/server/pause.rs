//! Pauses between tries: doubled each time, never all at once.

use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(5);

/// The pauses of one thing that is tried until it works.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    failures: u32,
}

impl Pause {
    /// Waits before the next try, longer each time, with up to a quarter more so that many do not come at once.
    pub(crate) async fn wait(&mut self) {
        let pause = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // A fresh UUID's last byte is the dice that the crate has anyway.
        let dice = u32::from(uuid::Uuid::new_v4().as_bytes()[15]);
        tokio::time::sleep(pause + pause * dice / 1024).await;
    }

    /// It worked: the next failure waits the shortest time again.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }

    /// How often it failed in a row.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }
}
