//! Events on the way back to the recorded version.

use jiff::Timestamp;

use super::apply::ApplyError;
use super::event::DeploymentEvent as Event;
use super::record::Deployment;
use super::state::{BackStep, DeploymentState as State, Reason};

impl Deployment {
    pub(super) fn take_back(&mut self, event: Event, now: Timestamp) -> Result<(), ApplyError> {
        let State::RollingBack { reason, step, .. } = self.state.clone() else {
            let state = self.state.word();
            return Err(ApplyError::WrongState { state });
        };
        match (event, step) {
            (Event::BackApplied, BackStep::Intended) => {
                self.note(now, "the recorded version is specified again");
                // The time for becoming healthy begins with the write.
                self.step_back(
                    BackStep::Watching { steady_since: None },
                    Self::after(now, self.deadline_s),
                );
            }
            (Event::BackRolledOut, BackStep::Watching { .. }) => match &self.verify {
                Some(verify) => {
                    let deadline = Self::after(now, verify.within_s);
                    self.step_back(BackStep::Verifying { deadline }, deadline);
                }
                None => self.end_back((reason, true), "the recorded version serves again", now),
            },
            (Event::BackVerified, BackStep::Verifying { .. }) => {
                self.end_back((reason, true), "the recorded version answers again", now);
            }
            // It is healthy where it runs; only the check from outside does not pass.
            (Event::BackFailed { why }, BackStep::Verifying { .. }) => self.end_back((reason, false), &why, now),
            (Event::BackFailed { why }, _) => {
                let message = format!("the way back failed, somebody must look: {why}");
                self.end(State::RollbackFailed { at: now, reason, why }, message, now);
            }
            (Event::Untouched, BackStep::Intended) => self.end_cancelled("nothing was changed".into(), now),
            _ => return Err(ApplyError::WrongState { state: "rolling_back" }),
        }
        Ok(())
    }

    fn step_back(&mut self, to: BackStep, until: Timestamp) {
        if let State::RollingBack { step, deadline, .. } = &mut self.state {
            (*step, *deadline) = (to, until);
        }
    }

    fn end_back(&mut self, (reason, verified): (Reason, bool), message: &str, now: Timestamp) {
        let at = now;
        self.end(State::RolledBack { at, reason, verified }, message, now);
    }
}
