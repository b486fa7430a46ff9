//! What to do next on the way back.

use jiff::Timestamp;

use super::decide::{Call, Decision};
use super::event::DeploymentEvent as Event;
use super::observation::{Observation, Rollout, Seen};
use super::record::Deployment;

impl Deployment {
    /// Without a deadline: an engine that was away for long must still put the recorded version back. It ends all the
    /// same, because the call is taken, or somebody else writes, or the target is given up.
    pub(super) fn decide_back(&self, observation: &Observation) -> Decision {
        let Observation::Present(seen) = observation else {
            return Decision::Take(self.gone());
        };
        if self.is_restored(seen) {
            return Decision::Take(Event::BackApplied);
        }
        if self.is_before(seen) {
            return Decision::Take(Event::Untouched);
        }
        if !self.is_ours(seen.mark.as_deref()) {
            return Decision::Take(Event::BackFailed {
                why: "somebody else changed the workload meanwhile".into(),
            });
        }
        Decision::Call(Call::Revert {
            token: seen.snapshot.token.clone(),
        })
    }

    pub(super) fn decide_back_watching(
        &self,
        (deadline, steady_since): (Timestamp, Option<Timestamp>),
        observation: &Observation,
        now: Timestamp,
    ) -> Decision {
        let seen = match observation {
            Observation::Present(seen) if self.is_restored(seen) => seen,
            Observation::Present(_) => {
                return Decision::Take(Event::BackFailed {
                    why: "somebody else changed the workload meanwhile".into(),
                });
            }
            _ => return Decision::Take(self.gone()),
        };
        match (&seen.rollout, steady_since) {
            (Rollout::Healthy { ready, desired }, None) => Decision::Take(Event::Steady {
                ready: *ready,
                desired: *desired,
            }),
            (Rollout::Healthy { .. }, Some(since)) if self.is_stable(since, now) => {
                Decision::Take(Event::BackRolledOut)
            }
            (Rollout::Healthy { .. }, Some(_)) => Self::look_again(),
            (Rollout::Failed { why }, _) => Decision::Take(Event::BackFailed { why: why.clone() }),
            (Rollout::Progressing { note, .. }, _) if now >= deadline => Decision::Take(Event::BackFailed {
                why: format!("not healthy within {} s: {note}", self.deadline_s),
            }),
            (Rollout::Progressing { note, .. }, Some(_)) => Decision::Take(Event::Unsteady { note: note.clone() }),
            (Rollout::Progressing { .. }, None) => Self::look_again(),
        }
    }

    fn is_restored(&self, seen: &Seen) -> bool {
        self.previous
            .as_ref()
            .is_some_and(|previous| previous.spec_hash == seen.snapshot.spec_hash)
    }

    fn is_before(&self, seen: &Seen) -> bool {
        self.before
            .as_ref()
            .is_some_and(|before| before.spec_hash == seen.snapshot.spec_hash)
    }

    fn gone(&self) -> Event {
        Event::BackFailed {
            why: format!("{} is not on the target any more", self.workload),
        }
    }
}
