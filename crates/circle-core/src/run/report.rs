//! What the forge is told of a run, and what it has heard already.
//!
//! The statuses follow from the run; only what was said is kept. So nothing that happens is lost between a change of the
//! run and its telling, and a status that changed twice meanwhile is told once.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::record::{Run, StageState};
use super::state::{RunState, Verdict};

/// Stages that get a status of their own; what is beyond shows in the run's.
const STAGES_TOLD: usize = 20;
/// How often one change is tried; with [`LONGEST_PAUSE_S`] about half a day.
const TRIES: u32 = 100;
/// The longest pause between two tries, in seconds.
const LONGEST_PAUSE_S: i64 = 600;

/// A status of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub word: StatusWord,
    /// One short sentence. It names stages and kinds of failure only, never output.
    pub text: String,
}

/// The states that every forge knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusWord {
    Pending,
    Running,
    Success,
    Failure,
    /// It did not come to a verdict.
    Cancelled,
}

/// What the forge has heard.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// By the status' name.
    pub said: BTreeMap<String, Status>,
    /// Tries in a row without success.
    pub tries: u32,
    /// Not before this moment.
    pub next_at: Option<Timestamp>,
}

impl Run {
    /// Every status by its name, in the order in which they are told; the run's own comes first.
    pub fn statuses(&self) -> Vec<(String, Status)> {
        let own = format!("circle/{}", self.service_name);
        let told = self.stages.iter().filter_map(|stage| {
            let status = status_of_stage(&stage.state)?;
            Some((format!("{own}/{}", stage.name), status))
        });
        let stages: Vec<_> = told.take(STAGES_TOLD).collect();
        std::iter::once((own, self.status())).chain(stages).collect()
    }

    /// What the forge has not heard, when somebody is to tell it.
    pub fn unsaid(&self) -> Vec<(String, Status)> {
        let Some(report) = &self.report else {
            return Vec::new();
        };
        if self.trigger.commit.is_none() || report.tries >= TRIES {
            return Vec::new();
        }
        let mut all = self.statuses();
        all.retain(|(name, status)| report.said.get(name) != Some(status));
        all
    }

    /// When the forge is to be told something; `None` = it knows everything.
    pub fn report_due(&self) -> Option<Timestamp> {
        let next_at = self.report.as_ref()?.next_at.unwrap_or(self.created_at);
        (!self.unsaid().is_empty()).then_some(next_at)
    }

    /// The forge has heard this. The run itself is not changed by it, so an ended one takes it too.
    pub fn said(&mut self, name: String, status: Status) {
        if let Some(report) = &mut self.report {
            report.said.insert(name, status);
            (report.tries, report.next_at) = (0, None);
        }
    }

    /// The forge has not answered, or wants to be left alone for so long.
    pub fn say_later(&mut self, now: Timestamp, at_least: Option<SignedDuration>) {
        if let Some(report) = &mut self.report {
            report.tries += 1;
            let pause = (1_i64 << report.tries.min(10)).min(LONGEST_PAUSE_S);
            let pause = SignedDuration::from_secs(pause).max(at_least.unwrap_or_default());
            report.next_at = now.checked_add(pause).ok();
        }
    }

    /// The forge refuses, and would again: nothing more is told.
    pub fn say_nothing(&mut self) {
        self.report = None;
    }

    fn status(&self) -> Status {
        let (word, text) = match &self.state {
            RunState::Queued { .. } => (StatusWord::Pending, format!("run {} waits for a worker", self.number)),
            RunState::Running { .. } => (StatusWord::Running, format!("run {} is under way", self.number)),
            RunState::Deploying { .. } => (StatusWord::Running, format!("run {} deploys", self.number)),
            RunState::Ended { verdict, .. } => self.verdict_status(verdict),
        };
        Status { word, text }
    }

    fn verdict_status(&self, verdict: &Verdict) -> (StatusWord, String) {
        let number = self.number;
        match verdict {
            Verdict::Succeeded => (StatusWord::Success, format!("run {number} succeeded")),
            Verdict::Skipped { .. } => (StatusWord::Success, format!("run {number}: nothing to do")),
            Verdict::Cancelled { .. } => (StatusWord::Cancelled, format!("run {number} was cancelled")),
            Verdict::Failed { failure } => {
                let place = failure.stage.as_deref().map(|stage| format!(" in {stage}"));
                let place = place.unwrap_or_default();
                (StatusWord::Failure, format!("run {number} failed{place}"))
            }
        }
    }
}

/// Stages that wait have nothing to tell.
fn status_of_stage(state: &StageState) -> Option<Status> {
    let (word, text) = match state {
        StageState::Waiting | StageState::NotRun => return None,
        StageState::Running { .. } => (StatusWord::Running, "under way"),
        StageState::Succeeded { .. } => (StatusWord::Success, "succeeded"),
        StageState::Failed { .. } => (StatusWord::Failure, "failed"),
        StageState::Cancelled { .. } => (StatusWord::Cancelled, "cancelled"),
    };
    Some(Status {
        word,
        text: text.to_owned(),
    })
}
