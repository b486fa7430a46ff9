//! State lines that wait for the log before them. State and log come on different ways and a state is often faster: a stage
//! that is told as failed before its last lines reads wrongly.

use std::collections::VecDeque;

/// Lines in the order of the run's states.
#[derive(Debug, Default)]
pub(super) struct Held {
    lines: VecDeque<(Change, String)>,
}

/// What a held line tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Started(String),
    Ended(String),
    /// Something without a log: a deployment.
    Other,
}

impl Held {
    pub(super) fn push(&mut self, change: Change, line: String) {
        self.lines.push_back((change, line));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Everything up to this stage's start: its log has begun, so all before it is told. Nothing when the start is not held.
    pub(super) fn until_start_of(&mut self, stage: &str) -> Vec<(Change, String)> {
        let is_start = |(change, _): &(Change, String)| matches!(change, Change::Started(name) if name == stage);
        let count = self.lines.iter().position(is_start).map_or(0, |index| index + 1);
        self.lines.drain(..count).collect()
    }

    pub(super) fn all(&mut self) -> Vec<(Change, String)> {
        self.lines.drain(..).collect()
    }
}
