//! Rows of the report, and the few statistics that they need.

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, bail};

/// Prints as it goes and remembers whether anything could not be measured.
#[derive(Debug)]
pub(crate) struct Report {
    broken: u32,
}

impl Report {
    /// Names the machine.
    pub(crate) fn begin() -> Result<Self> {
        let cpu = std::fs::read_to_string("/proc/cpuinfo")?;
        let model = cpu
            .lines()
            .find_map(|line| line.strip_prefix("model name"))
            .unwrap_or("unknown")
            .trim_start_matches([' ', '\t', ':']);
        let memory = std::fs::read_to_string("/proc/meminfo")?;
        let memory = memory
            .lines()
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .nth(1)
            .unwrap_or("?")
            .to_owned();
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
        let cores = std::thread::available_parallelism()?;
        say(&format!(
            "machine: {model}, {cores} cores, {memory} KiB of memory, Linux {}",
            kernel.trim()
        ));
        say(&format!("{:<64} {:>16}   {:<22} {}", "what", "measured", "goal", ""));
        Ok(Self { broken: 0 })
    }

    /// One figure against its goal.
    pub(crate) fn row(&mut self, what: &str, measured: &str, goal: &str, holds: bool) {
        let verdict = if holds { "holds" } else { "FALLS SHORT" };
        say(&format!("{what:<64} {measured:>16}   {goal:<22} {verdict}"));
    }

    /// A figure without a goal.
    pub(crate) fn fact(&mut self, what: &str, measured: &str) {
        say(&format!("{what:<64} {measured:>16}"));
    }

    /// A part that could not be measured.
    pub(crate) fn broken(&mut self, part: &str, error: &anyhow::Error) {
        self.broken += 1;
        say(&format!("{part}: could not be measured: {error:#}"));
    }

    /// Fails when a part could not be measured; falling short is a figure, not an error.
    pub(crate) fn end(self) -> Result<()> {
        if self.broken > 0 {
            bail!("{} parts could not be measured", self.broken);
        }
        Ok(())
    }
}

/// The value below which `percent` of all lie.
pub(crate) fn percentile(values: &mut [Duration], percent: usize) -> Duration {
    values.sort_unstable();
    let place = (values.len() * percent).div_ceil(100).max(1) - 1;
    values.get(place).copied().unwrap_or_default()
}

/// The middle one.
pub(crate) fn median(values: &mut [Duration]) -> Duration {
    percentile(values, 50)
}

/// Milliseconds with one digit.
pub(crate) fn ms(value: Duration) -> String {
    format!("{:.1} ms", value.as_secs_f64() * 1000.0)
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A closed standard output ends the printing, not the clean-up of what is being measured.
    let _ = writeln!(out, "{line}");
}
