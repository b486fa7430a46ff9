//! The one function that changes a run. Pure: adapters only compare-and-swap what it returns.

use jiff::{SignedDuration, Timestamp};

use super::event::{RunEvent, WorkerEvent};
use super::record::{Cancel, Part, PartState, Phases, Run, StageRecord, StageState};
use super::state::{Failure, FailureKind, RunState, Verdict};
use crate::ids::WorkerId;

/// How often a part is handed out before a lost worker fails the run.
pub(super) const MAX_ATTEMPTS: u32 = 3;

/// What came of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The run changed and must be written.
    Changed,
    /// It was known already; nothing to write.
    Unchanged,
}

/// Why an event is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    #[error("the run has ended")]
    Ended,
    #[error("the lease is not held any more")]
    StaleLease,
    #[error("event {sequence} came before event {expected}")]
    OutOfOrder { sequence: u64, expected: u64 },
    #[error("the run has no stage \"{stage}\"")]
    UnknownStage { stage: String },
    #[error("the run has no part {part}")]
    UnknownPart { part: usize },
    #[error("the event does not fit a run that is {state}")]
    WrongState { state: &'static str },
}

impl Run {
    /// Applies one event at `now` (the server's clock).
    ///
    /// # Errors
    /// [`ApplyError`] leaves the run as it was.
    pub fn apply(&mut self, event: RunEvent, now: Timestamp) -> Result<Outcome, ApplyError> {
        if self.state.is_ended() {
            return Err(ApplyError::Ended);
        }
        let outcome = match event {
            RunEvent::Claimed {
                part,
                worker,
                fence,
                token_hash,
            } => self.claim(part, (worker, fence, token_hash), now),
            RunEvent::Reported {
                part,
                fence,
                sequence,
                event,
            } => self.report(part, (fence, sequence), event, now),
            RunEvent::LeaseLost { part, fence } => self.lose_lease(part, fence, now),
            RunEvent::QueueTimedOut => self.time_out_in_queue(now),
            RunEvent::CancelRequested { cause, by, abandon } => Ok(self.request_cancel(
                Cancel {
                    cause,
                    by,
                    at: now,
                    abandon,
                },
                now,
            )),
            RunEvent::DeploysPlanned { deployments } => {
                self.require_deploying()?;
                self.deployments = deployments;
                Ok(Outcome::Changed)
            }
            RunEvent::Deployed { verdict } => {
                self.require_deploying()?;
                self.end(verdict, now);
                Ok(Outcome::Changed)
            }
        }?;
        if outcome == Outcome::Changed {
            self.updated_at = now;
        }
        Ok(outcome)
    }

    /// When the whole run must be over, once it runs.
    pub fn run_deadline(&self) -> Option<Timestamp> {
        let RunState::Running { since } = self.state else {
            return None;
        };
        let limit = i64::try_from(self.plan.as_ref()?.timeout_s).ok()?;
        since.checked_add(SignedDuration::from_secs(limit)).ok()
    }

    fn claim(
        &mut self,
        index: usize,
        (worker, fence, token_hash): (WorkerId, u64, String),
        now: Timestamp,
    ) -> Result<Outcome, ApplyError> {
        let since = match self.state {
            RunState::Queued { .. } => now,
            RunState::Running { since } => since,
            _ => {
                return Err(ApplyError::WrongState {
                    state: self.state.word(),
                });
            }
        };
        let queued_ms = match self.state {
            RunState::Queued { since } => u64::try_from(now.duration_since(since).as_millis()).unwrap_or(0),
            _ => 0,
        };
        let part = self.part_mut(index)?;
        if part.state != PartState::Waiting {
            return Err(ApplyError::WrongState { state: "claimed" });
        }
        part.state = PartState::Leased {
            worker,
            fence,
            since: now,
        };
        part.attempt += 1;
        part.applied = 0;
        part.token_hash = Some(token_hash);
        part.worker = Some(worker);
        self.state = RunState::Running { since };
        if let Some(first) = self.stages.iter_mut().find(|stage| stage.state == StageState::Waiting) {
            first.phases.queue_ms = queued_ms;
        }
        Ok(Outcome::Changed)
    }

    fn report(
        &mut self,
        index: usize,
        (fence, sequence): (u64, u64),
        event: WorkerEvent,
        now: Timestamp,
    ) -> Result<Outcome, ApplyError> {
        let part = self.part_mut(index)?;
        if !matches!(part.state, PartState::Leased { fence: held, .. } if held == fence) {
            return Err(ApplyError::StaleLease);
        }
        if sequence <= part.applied {
            return Ok(Outcome::Unchanged);
        }
        if sequence != part.applied + 1 {
            return Err(ApplyError::OutOfOrder {
                sequence,
                expected: part.applied + 1,
            });
        }
        self.take(index, event, now)?;
        self.part_mut(index)?.applied = sequence;
        Ok(Outcome::Changed)
    }

    fn take(&mut self, index: usize, event: WorkerEvent, now: Timestamp) -> Result<(), ApplyError> {
        match event {
            WorkerEvent::CellTaken { began } => self.part_mut(index)?.began = Some(began),
            WorkerEvent::CheckedOut {
                commit,
                commit_time,
                title,
            } => {
                self.trigger.commit = Some(commit);
                self.trigger.commit_time = commit_time.or(self.trigger.commit_time);
                self.trigger.title = title.or_else(|| self.trigger.title.take());
            }
            WorkerEvent::StageStarted { stage, at, attempt } => {
                let record = self.stage_mut(&stage)?;
                record.state = StageState::Running { since: at };
                record.tries = attempt;
            }
            WorkerEvent::StageSucceeded {
                stage,
                at,
                phases,
                output,
            } => {
                let record = self.stage_mut(&stage)?;
                let since = record.close(phases, at);
                record.state = StageState::Succeeded { since, at };
                record.output = output;
            }
            WorkerEvent::StageFailed {
                stage,
                at,
                phases,
                failure,
                again,
            } => {
                let record = self.stage_mut(&stage)?;
                let since = record.close(phases, at);
                record.state = if again {
                    StageState::Waiting
                } else {
                    StageState::Failed { since, at, failure }
                };
            }
            WorkerEvent::ImageBuilt { image } => {
                self.images.retain(|known| known.name != image.name);
                self.images.push(image);
            }
            WorkerEvent::ImagePushed {
                name,
                repository,
                digest,
                tags,
            } => {
                let Some(image) = self.images.iter_mut().find(|image| image.name == name) else {
                    return Err(ApplyError::UnknownStage {
                        stage: format!("image {name}"),
                    });
                };
                image.repository = Some(repository);
                image.digest = Some(digest);
                image.tags = tags;
            }
            WorkerEvent::PartSucceeded => self.finish_part(index, None, now)?,
            WorkerEvent::PartFailed { failure } => self.finish_part(index, Some(failure), now)?,
            WorkerEvent::PartCancelled => self.cancelled_by_worker(index, now)?,
        }
        Ok(())
    }

    fn finish_part(&mut self, index: usize, failure: Option<Failure>, now: Timestamp) -> Result<(), ApplyError> {
        if let Some(failure) = &failure
            && self.deserves_another_cell(index, failure)?
        {
            self.part_mut(index)?.retried_after = Some(failure.message.clone());
            return self.give_back(index, now);
        }
        self.close_part(index)?;
        if let Some(failure) = failure {
            let verdict = match self.cancel.clone() {
                Some(cancel) => Verdict::Cancelled {
                    cause: cancel.cause,
                    by: cancel.by,
                },
                None => Verdict::Failed { failure },
            };
            self.end(verdict, now);
        } else if self.parts.iter().all(|part| part.state == PartState::Done) {
            self.after_stages(now);
        }
        Ok(())
    }

    /// A part whose cell died under it is tried once more, unless somebody outside may have seen something of it: from
    /// the beginning of a push on.
    fn deserves_another_cell(&mut self, index: usize, failure: &Failure) -> Result<bool, ApplyError> {
        let part = self.part_mut(index)?;
        let is_first = part.retried_after.is_none() && part.attempt < MAX_ATTEMPTS;
        Ok(failure.kind == FailureKind::CellDied && is_first && self.cancel.is_none() && !self.has_begun_to_push())
    }

    fn has_begun_to_push(&self) -> bool {
        let mut own = self.stages.iter().filter(|stage| !stage.reused && stage.kind == "push");
        own.any(|stage| stage.tries > 0 || stage.state != StageState::Waiting)
    }

    fn after_stages(&mut self, now: Timestamp) {
        if let Some(cancel) = self.cancel.clone() {
            self.end(
                Verdict::Cancelled {
                    cause: cancel.cause,
                    by: cancel.by,
                },
                now,
            );
        } else if self.plan.as_ref().is_some_and(|plan| !plan.deploys.is_empty()) {
            self.state = RunState::Deploying { since: now };
        } else {
            self.end(Verdict::Succeeded, now);
        }
    }

    fn cancelled_by_worker(&mut self, index: usize, now: Timestamp) -> Result<(), ApplyError> {
        let Some(cancel) = self.cancel.clone() else {
            // A worker that stops by itself gives the part back.
            return self.give_back(index, now);
        };
        self.close_part(index)?;
        self.end(
            Verdict::Cancelled {
                cause: cancel.cause,
                by: cancel.by,
            },
            now,
        );
        Ok(())
    }

    fn lose_lease(&mut self, index: usize, fence: u64, now: Timestamp) -> Result<Outcome, ApplyError> {
        let part = self.part_mut(index)?;
        if !matches!(part.state, PartState::Leased { fence: held, .. } if held == fence) {
            return Ok(Outcome::Unchanged);
        }
        if let Some(cancel) = self.cancel.clone() {
            self.close_part(index)?;
            self.end(
                Verdict::Cancelled {
                    cause: cancel.cause,
                    by: cancel.by,
                },
                now,
            );
        } else {
            self.give_back(index, now)?;
        }
        Ok(Outcome::Changed)
    }

    fn give_back(&mut self, index: usize, now: Timestamp) -> Result<(), ApplyError> {
        let part = self.part_mut(index)?;
        part.token_hash = None;
        if part.attempt >= MAX_ATTEMPTS {
            part.state = PartState::Done;
            let message = format!("the worker was lost {MAX_ATTEMPTS} times while it executed this run");
            self.end(
                Verdict::Failed {
                    failure: Failure::new(FailureKind::WorkerLost, message),
                },
                now,
            );
            return Ok(());
        }
        part.state = PartState::Waiting;
        part.applied = 0;
        self.images.clear();
        for stage in self.stages.iter_mut().filter(|stage| !stage.reused) {
            stage.state = StageState::Waiting;
            stage.output = None;
        }
        if let RunState::Running { since } = self.state {
            // Only waiting counts: the time for which it ran is given back.
            let ran = now.duration_since(since);
            self.queue_deadline = self.queue_deadline.checked_add(ran).unwrap_or(Timestamp::MAX);
        }
        self.state = RunState::Queued { since: now };
        Ok(())
    }

    fn time_out_in_queue(&mut self, now: Timestamp) -> Result<Outcome, ApplyError> {
        let RunState::Queued { .. } = self.state else {
            return Err(ApplyError::WrongState {
                state: self.state.word(),
            });
        };
        let message = "no cell was free in time; see the workers, or raise the service's queue timeout";
        self.end(
            Verdict::Failed {
                failure: Failure::new(FailureKind::QueueTimeout, message),
            },
            now,
        );
        Ok(Outcome::Changed)
    }

    fn request_cancel(&mut self, cancel: Cancel, now: Timestamp) -> Outcome {
        let stronger = self.cancel.as_ref().is_none_or(|known| known.cause < cancel.cause);
        let abandons = cancel.abandon && self.cancel.as_ref().is_some_and(|known| !known.abandon);
        if !stronger && !abandons {
            return Outcome::Unchanged;
        }
        let (cause, by) = (cancel.cause, cancel.by.clone());
        self.cancel = Some(cancel);
        if matches!(self.state, RunState::Queued { .. }) {
            self.end(Verdict::Cancelled { cause, by }, now);
        }
        Outcome::Changed
    }

    fn end(&mut self, verdict: Verdict, now: Timestamp) {
        let cancelled = matches!(verdict, Verdict::Cancelled { .. });
        for stage in &mut self.stages {
            match stage.state {
                StageState::Running { .. } => stage.state = StageState::Cancelled { at: now },
                StageState::Waiting if cancelled => stage.state = StageState::Cancelled { at: now },
                StageState::Waiting => stage.state = StageState::NotRun,
                _ => {}
            }
        }
        for part in &mut self.parts {
            part.state = PartState::Done;
            part.token_hash = None;
        }
        self.state = RunState::Ended { at: now, verdict };
    }

    fn close_part(&mut self, index: usize) -> Result<(), ApplyError> {
        let part = self.part_mut(index)?;
        part.state = PartState::Done;
        part.token_hash = None;
        Ok(())
    }

    fn require_deploying(&self) -> Result<(), ApplyError> {
        match self.state {
            RunState::Deploying { .. } => Ok(()),
            _ => Err(ApplyError::WrongState {
                state: self.state.word(),
            }),
        }
    }

    fn part_mut(&mut self, part: usize) -> Result<&mut Part, ApplyError> {
        self.parts.get_mut(part).ok_or(ApplyError::UnknownPart { part })
    }

    fn stage_mut(&mut self, stage: &str) -> Result<&mut StageRecord, ApplyError> {
        self.stages
            .iter_mut()
            .find(|record| record.name == stage)
            .ok_or_else(|| ApplyError::UnknownStage {
                stage: stage.to_owned(),
            })
    }
}

impl StageRecord {
    /// Takes the worker's figures, keeps the server's own, and says since when it ran.
    fn close(&mut self, phases: Phases, otherwise: Timestamp) -> Timestamp {
        let queue_ms = self.phases.queue_ms;
        self.phases = Phases { queue_ms, ..phases };
        match self.state {
            StageState::Running { since } => since,
            _ => otherwise,
        }
    }
}
