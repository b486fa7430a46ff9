//! Where the time of a stage goes.

use std::time::{Duration, Instant};

use circle_core::run::Phases;

/// A watch for one try of a stage: time belongs to the phase that is on.
#[derive(Debug)]
pub(crate) struct PhaseClock {
    phases: Phases,
    now: Phase,
    since: Instant,
}

/// The phases that a worker measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Pull,
    Start,
    Run,
    CopyOut,
}

impl PhaseClock {
    /// Starts in [`Phase::Start`]; `cell` was spent on waiting for the cell.
    pub(crate) fn new(cell: Duration) -> Self {
        let phases = Phases {
            cell_ms: milliseconds(cell),
            ..Phases::default()
        };
        Self {
            phases,
            now: Phase::Start,
            since: Instant::now(),
        }
    }

    /// From now on, time belongs to this phase.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.settle();
        self.now = phase;
    }

    /// What was measured so far.
    pub(crate) fn read(&mut self) -> Phases {
        self.settle();
        self.phases
    }

    fn settle(&mut self) {
        let now = Instant::now();
        let spent = milliseconds(now.duration_since(self.since));
        self.since += Duration::from_millis(spent);
        match self.now {
            Phase::Pull => self.phases.pull_ms += spent,
            Phase::Start => self.phases.start_ms += spent,
            Phase::Run => self.phases.run_ms += spent,
            Phase::CopyOut => self.phases.copy_out_ms += spent,
        }
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
