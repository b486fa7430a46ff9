//! How much a run may print, and how fast.
//!
//! Promise: a log has no holes. What is printed too fast waits, and so does the job; a stage that prints more than it may is
//! ended, and what it printed before stays.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bounds on the output of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogBounds {
    /// Bytes of one stage, all its tries together. Default: 256 MiB, three times ten million short lines.
    pub stage_bytes: u64,
    /// Bytes of the whole run. Default: 1 GiB.
    pub run_bytes: u64,
    /// Bytes a second of the whole run, after a burst of one second. Default: 64 MiB, more than a disk likes for long.
    pub bytes_per_s: u64,
}

impl Default for LogBounds {
    fn default() -> Self {
        Self {
            stage_bytes: 256 << 20,
            run_bytes: 1 << 30,
            bytes_per_s: 64 << 20,
        }
    }
}

/// Counts what one run prints. Times are since any moment that stays the same.
#[derive(Debug, Clone)]
pub struct LogMeter {
    bounds: LogBounds,
    run_bytes: u64,
    /// When all that was let pass has been paid for at the allowed rate.
    paid_at: Duration,
}

/// What to do with a piece of output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metered {
    /// It passes, after this wait.
    Pass(Duration),
    /// It does not pass; the sentence says which bound.
    Full(String),
}

/// How long a run may be ahead of its rate.
const BURST: Duration = Duration::from_secs(1);
const NANOSECONDS: u128 = 1_000_000_000;

impl LogMeter {
    /// A run that has printed nothing yet.
    pub fn new(bounds: LogBounds) -> Self {
        Self {
            bounds,
            run_bytes: 0,
            paid_at: Duration::ZERO,
        }
    }

    /// Counts a piece of a stage that has printed `stage_bytes` before.
    pub fn take(&mut self, stage_bytes: &mut u64, bytes: u64, now: Duration) -> Metered {
        let (of_stage, of_run) = (stage_bytes.saturating_add(bytes), self.run_bytes.saturating_add(bytes));
        if of_stage > self.bounds.stage_bytes {
            return Metered::Full(full("the stage", self.bounds.stage_bytes, "--stage-log-mib"));
        }
        if of_run > self.bounds.run_bytes {
            return Metered::Full(full("the run", self.bounds.run_bytes, "--run-log-mib"));
        }
        (*stage_bytes, self.run_bytes) = (of_stage, of_run);
        let cost = u128::from(bytes) * NANOSECONDS / u128::from(self.bounds.bytes_per_s.max(1));
        let cost = Duration::from_nanos(u64::try_from(cost).unwrap_or(u64::MAX));
        self.paid_at = self.paid_at.max(now).saturating_add(cost);
        Metered::Pass(self.paid_at.saturating_sub(now).saturating_sub(BURST))
    }
}

fn full(what: &str, bytes: u64, flag: &str) -> String {
    format!(
        "{what} printed more than the {} that its log may have (the server's {flag}): print less, or write to a file and \
         declare it as an output",
        super::bound::binary(bytes)
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LogBounds, LogMeter, Metered};

    const BOUNDS: LogBounds = LogBounds {
        stage_bytes: 1 << 20,
        run_bytes: 3 << 19,
        bytes_per_s: 1000,
    };

    fn ms(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    #[test]
    fn what_is_printed_too_fast_waits() {
        let (mut meter, mut stage) = (LogMeter::new(BOUNDS), 0);
        assert_eq!(
            meter.take(&mut stage, 1000, ms(0)),
            Metered::Pass(ms(0)),
            "a burst of a second passes"
        );
        assert_eq!(meter.take(&mut stage, 500, ms(0)), Metered::Pass(ms(500)));
        assert_eq!(meter.take(&mut stage, 100, ms(500)), Metered::Pass(ms(100)));
        assert_eq!(
            meter.take(&mut stage, 100, ms(9000)),
            Metered::Pass(ms(0)),
            "silence is not saved up"
        );
        assert_eq!(meter.take(&mut stage, 2000, ms(9000)), Metered::Pass(ms(1100)));
    }

    #[test]
    fn a_stage_and_a_run_have_their_bounds() {
        let (mut meter, mut first, mut second) = (LogMeter::new(BOUNDS), 0, 0);
        let much = ms(100_000_000);
        assert!(matches!(meter.take(&mut first, 1 << 20, much), Metered::Pass(_)));
        let Metered::Full(sentence) = meter.take(&mut first, 1, much) else {
            panic!("a stage printed more than it may");
        };
        assert!(
            sentence.starts_with("the stage printed more than the 1 MiB"),
            "{sentence}"
        );
        assert!(matches!(meter.take(&mut second, 1 << 19, much), Metered::Pass(_)));
        let Metered::Full(sentence) = meter.take(&mut second, 1, much) else {
            panic!("a run printed more than it may");
        };
        assert!(sentence.contains("--run-log-mib"), "{sentence}");
        assert_eq!((first, second), (1 << 20, 1 << 19), "what does not pass is not counted");
    }
}
