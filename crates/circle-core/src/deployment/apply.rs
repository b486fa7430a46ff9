//! The one function that changes a deployment. Pure: adapters only compare-and-swap what it returns.

use jiff::Timestamp;

use super::event::DeploymentEvent as Event;
use super::note;
use super::observation::Snapshot;
use super::record::{Base, Deployment, Intent};
use super::state::{BackStep, DeploymentState as State, Reason, ReasonKind};

/// Why an event is not taken; the deployment stays as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    #[error("the deployment has ended")]
    Ended,
    #[error("the workload is not held any more under fence {fence}")]
    StaleFence { fence: u64 },
    #[error("the event does not fit a deployment that is {state}")]
    WrongState { state: &'static str },
}

impl Deployment {
    /// Applies one event at `now` (the server's clock) under the lease `fence`; events from before the lock and the wish
    /// to cancel need none.
    ///
    /// # Errors
    /// [`ApplyError`] leaves the deployment as it was.
    pub fn apply(&mut self, event: Event, fence: u64, now: Timestamp) -> Result<(), ApplyError> {
        if self.state.is_ended() {
            return Err(ApplyError::Ended);
        }
        let free = matches!(
            event,
            Event::NeedsMet | Event::NeedFailed { .. } | Event::Locked { .. } | Event::CancelRequested { .. }
        );
        if !free && fence != self.fence {
            return Err(ApplyError::StaleFence { fence });
        }
        self.take(event, now)?;
        self.updated_at = now;
        if self.state.is_ended() {
            self.trouble = None;
            // The specification may hold the operator's secrets; it is needed no longer.
            for snapshot in [&mut self.before, &mut self.previous].into_iter().flatten() {
                snapshot.sealed_spec = String::new();
            }
        }
        Ok(())
    }

    // One arm an event; splitting it would hide what can happen.
    fn take(&mut self, event: Event, now: Timestamp) -> Result<(), ApplyError> {
        let wrong = ApplyError::WrongState {
            state: self.state.word(),
        };
        match (event, &self.state) {
            (Event::NeedsMet, State::Waiting { .. }) => self.state = State::Queued { since: now },
            (Event::NeedFailed { why }, State::Waiting { .. }) => self.end_cancelled(why, now),
            (Event::Locked { fence }, _) => self.lock(fence, now)?,
            (Event::CancelRequested { by, abandon }, _) => self.cancel(&by, abandon, now),
            (Event::Unreachable { why }, state) if state.holds_workload() => self.note_silence(why, now),
            (Event::Reached, state) if state.holds_workload() => self.end_silence(now),
            (Event::GivenUp { why }, state) if state.holds_workload() => self.give_up(why, now),
            (Event::FoundServing { snapshot }, State::Locked { .. }) => {
                self.before = Some(snapshot);
                let message = "it serves this version already: nothing was changed";
                self.end(State::Unchanged { at: now }, message, now);
            }
            (Event::Intended { before, previous }, State::Locked { .. }) => self.intend(before, previous, now),
            (Event::Refused { reason }, State::Locked { .. } | State::Intended { .. }) => {
                let message = format!("nothing was changed: {}", reason.message);
                self.end(State::Failed { at: now, reason }, message, now);
            }
            (Event::Applied, State::Intended { .. }) => self.begin_to_watch(now),
            (Event::Progress { ready, desired, note }, State::Watching { .. }) => {
                self.progress((ready, desired), note, now);
            }
            (event @ (Event::Steady { .. } | Event::Unsteady { .. }), _) => return self.take_steadiness(event, now),
            (Event::RolledOut, State::Watching { .. }) => self.roll_out(now),
            (Event::Answers { url }, state) if state.holds_workload() => self.url = Some(url),
            (Event::Verified, State::Verifying { .. }) => {
                self.end(State::Succeeded { at: now }, "it answers as it should", now);
            }
            (Event::Failed { reason }, State::Watching { .. } | State::Verifying { .. }) => self.go_back(reason, now),
            (Event::Drifted { message }, State::Locked { .. } | State::Intended { .. } | State::Watching { .. }) => {
                let reason = Reason::new(ReasonKind::Drift, message.clone());
                self.end(State::Failed { at: now, reason }, message, now);
            }
            (event, State::RollingBack { .. }) => return self.take_back(event, now),
            _ => return Err(wrong),
        }
        Ok(())
    }

    fn lock(&mut self, fence: u64, now: Timestamp) -> Result<(), ApplyError> {
        if fence < self.fence {
            return Err(ApplyError::StaleFence { fence });
        }
        match self.state {
            State::Waiting { .. } => return Err(ApplyError::WrongState { state: "waiting" }),
            State::Queued { .. } => {
                self.note(now, format!("the workload {} is ours", self.workload));
                self.state = State::Locked { since: now };
            }
            // After a crash: the same place, under a newer lease.
            _ => {}
        }
        self.fence = fence;
        Ok(())
    }

    fn intend(&mut self, before: Option<Snapshot>, previous: Option<Snapshot>, now: Timestamp) {
        let base = match &before {
            None => Base::Absent,
            Some(seen) => Base::Spec {
                spec_hash: seen.spec_hash.clone(),
                token: seen.token.clone(),
            },
        };
        let from = before.as_ref().map_or("nothing".into(), |seen| {
            seen.digest.clone().unwrap_or(seen.image.clone())
        });
        self.note(
            now,
            format!("{} goes from {from} to {}", self.workload, self.desired.digest),
        );
        self.before = before;
        self.previous = previous;
        self.state = State::Intended {
            since: now,
            intent: Intent {
                attempt: 1,
                base,
                at: now,
            },
        };
    }

    fn begin_to_watch(&mut self, now: Timestamp) {
        self.note(now, format!("{} has the new version", self.environment_name));
        self.state = State::Watching {
            since: now,
            deadline: Self::after(now, self.deadline_s),
            steady_since: None,
            ready: 0,
            desired: 0,
        };
    }

    fn progress(&mut self, counts: (u64, u64), note: String, now: Timestamp) {
        self.note(now, note);
        if let State::Watching { ready, desired, .. } = &mut self.state {
            (*ready, *desired) = counts;
        }
    }

    fn take_steadiness(&mut self, event: Event, now: Timestamp) -> Result<(), ApplyError> {
        let steady = match &event {
            Event::Unsteady { note } => {
                self.note(now, format!("not healthy any more: {note}"));
                None
            }
            _ => Some(now),
        };
        match &mut self.state {
            State::Watching {
                steady_since,
                ready,
                desired,
                ..
            } => {
                *steady_since = steady;
                if let Event::Steady {
                    ready: now_ready,
                    desired: now_desired,
                } = event
                {
                    (*ready, *desired) = (now_ready, now_desired);
                }
            }
            State::RollingBack {
                step: BackStep::Watching { steady_since },
                ..
            } => *steady_since = steady,
            other => return Err(ApplyError::WrongState { state: other.word() }),
        }
        Ok(())
    }

    fn roll_out(&mut self, now: Timestamp) {
        let message = format!("healthy for {} s", self.stabilise_s);
        match &self.verify {
            Some(verify) => {
                let deadline = Self::after(now, verify.within_s);
                self.note(now, message);
                self.state = State::Verifying { since: now, deadline };
            }
            None => self.end(State::Succeeded { at: now }, message, now),
        }
    }

    /// Back to the recorded version, or the end when there is none.
    pub(super) fn go_back(&mut self, reason: Reason, now: Timestamp) {
        self.note(now, reason.message.clone());
        if self.previous.is_none() {
            let message = "there is no good version to go back to: what is there stays as it is";
            self.end(State::Failed { at: now, reason }, message, now);
            return;
        }
        let deadline = Self::after(now, self.deadline_s);
        self.note(now, "it goes back to the recorded version");
        self.state = State::RollingBack {
            since: now,
            deadline,
            reason,
            step: BackStep::Intended,
        };
    }

    pub(super) fn end_cancelled(&mut self, why: String, now: Timestamp) {
        self.end(
            State::Cancelled {
                at: now,
                why: why.clone(),
            },
            why,
            now,
        );
    }

    pub(super) fn end(&mut self, state: State, message: impl Into<String>, now: Timestamp) {
        self.note(now, message);
        self.state = state;
    }

    pub(super) fn note(&mut self, now: Timestamp, message: impl Into<String>) {
        note::push(&mut self.notes, now, message);
    }
}
