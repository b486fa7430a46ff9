//! What to do next, from the document and one look at the target. Pure.

use jiff::{SignedDuration, Timestamp};

use super::event::DeploymentEvent as Event;
use super::observation::{Observation, Rollout, Seen, Snapshot};
use super::record::{Base, Deployment};
use super::state::{BackStep, DeploymentState as State, Reason, ReasonKind};

/// Between two looks at a rollout, in milliseconds.
const LOOK_MS: u64 = 500;

/// What an engine does next.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one lives at a time, on the stack of whoever acts on it"
)]
pub enum Decision {
    /// Store this event, then decide anew.
    Take(Event),
    /// Call the target, then look again; the intent of it is stored already.
    Call(Call),
    /// Look again after so many milliseconds.
    Wait { ms: u64 },
}

/// A call that changes the target. Each carries what must still be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Call {
    /// Make the workload with the desired image.
    Create,
    /// Put the desired image into the specification that has this token.
    Apply { token: String },
    /// Put the recorded specification in the place of the one that has this token.
    Revert { token: String },
}

impl Deployment {
    /// What to do about what the target shows; `recorded` is the last version of the workload that Circle saw healthy.
    ///
    /// Only for states that hold the workload and are not verifying; all others wait for something else than a look.
    pub fn decide(&self, observation: &Observation, recorded: Option<&Snapshot>, now: Timestamp) -> Decision {
        if let Observation::Unreachable { why } = observation {
            return self.decide_silent(why, now);
        }
        if self.trouble.is_some() {
            return Decision::Take(Event::Reached);
        }
        match &self.state {
            State::Locked { .. } => self.decide_locked(observation, recorded),
            State::Intended { intent, .. } => self.decide_intended(&intent.base, observation),
            State::Watching {
                deadline,
                steady_since,
                ready,
                desired,
                ..
            } => {
                let watch = Watch {
                    deadline: *deadline,
                    steady_since: *steady_since,
                    counts: (*ready, *desired),
                };
                self.decide_watching(&watch, observation, now)
            }
            State::RollingBack {
                step: BackStep::Intended,
                ..
            } => self.decide_back(observation),
            State::RollingBack {
                step: BackStep::Watching { steady_since },
                deadline,
                ..
            } => self.decide_back_watching((*deadline, *steady_since), observation, now),
            _ => Decision::Wait { ms: LOOK_MS },
        }
    }

    /// What to do after one check from outside.
    pub fn decide_verified(&self, answer: Result<(), String>, now: Timestamp) -> Decision {
        let (deadline, back) = match &self.state {
            State::Verifying { deadline, .. } => (*deadline, false),
            State::RollingBack {
                step: BackStep::Verifying { deadline },
                ..
            } => (*deadline, true),
            _ => return Decision::Wait { ms: LOOK_MS },
        };
        match answer {
            Ok(()) => Decision::Take(if back { Event::BackVerified } else { Event::Verified }),
            Err(_) if now < deadline => Decision::Wait { ms: LOOK_MS },
            Err(why) if back => Decision::Take(Event::BackFailed {
                why: format!("it runs again, but does not answer as it should: {why}"),
            }),
            Err(why) => {
                let message = format!("it does not answer as it should: {why}");
                Decision::Take(Event::Failed {
                    reason: Reason::new(ReasonKind::Verify, message),
                })
            }
        }
    }

    fn decide_silent(&self, why: &str, now: Timestamp) -> Decision {
        let silent = self.trouble.as_ref().map(|trouble| now.duration_since(trouble.since));
        if silent.is_some_and(|silent| silent >= SignedDuration::from_secs(Self::GIVE_UP_S)) {
            return Decision::Take(Event::GivenUp { why: why.to_owned() });
        }
        Decision::Take(Event::Unreachable { why: why.to_owned() })
    }

    fn decide_locked(&self, observation: &Observation, recorded: Option<&Snapshot>) -> Decision {
        let Observation::Present(seen) = observation else {
            if self.create.is_some() {
                return Decision::Take(Event::Intended {
                    before: None,
                    previous: None,
                });
            }
            let message = format!(
                "there is no workload {} on the target: create it, or bind the service with what it needs to be created",
                self.workload
            );
            return Decision::Take(Event::Refused {
                reason: Reason::new(ReasonKind::Missing, message),
            });
        };
        let healthy = matches!(seen.rollout, Rollout::Healthy { .. });
        if healthy && seen.snapshot.digest.as_ref() == Some(&self.desired.digest) {
            return Decision::Take(Event::FoundServing {
                snapshot: seen.snapshot.clone(),
            });
        }
        // What is there is the best way back if it serves; else the last version that did.
        let previous = if healthy { Some(&seen.snapshot) } else { recorded };
        let (before, previous) = (Some(seen.snapshot.clone()), previous.cloned());
        Decision::Take(Event::Intended { before, previous })
    }

    fn decide_intended(&self, base: &Base, observation: &Observation) -> Decision {
        match (observation, base) {
            (Observation::Present(seen), _) if self.is_written(seen) => Decision::Take(Event::Applied),
            (Observation::Present(seen), Base::Spec { spec_hash, .. }) if seen.snapshot.spec_hash == *spec_hash => {
                // The target's own bookkeeping moves the token; the specification is what counts.
                Decision::Call(Call::Apply {
                    token: seen.snapshot.token.clone(),
                })
            }
            (Observation::Absent, Base::Absent) => Decision::Call(Call::Create),
            _ => Decision::Take(self.drifted()),
        }
    }

    fn decide_watching(&self, watch: &Watch, observation: &Observation, now: Timestamp) -> Decision {
        let seen = match observation {
            Observation::Present(seen) if self.is_written(seen) => seen,
            _ => return Decision::Take(self.drifted()),
        };
        let failed = |kind, message: String| {
            Decision::Take(Event::Failed {
                reason: Reason::new(kind, message),
            })
        };
        match &seen.rollout {
            Rollout::Failed { why } => failed(
                ReasonKind::Rollout,
                format!("the new version does not become healthy: {why}"),
            ),
            Rollout::Healthy { ready, desired } => match watch.steady_since {
                None => Decision::Take(Event::Steady {
                    ready: *ready,
                    desired: *desired,
                }),
                Some(since) if self.is_stable(since, now) => Decision::Take(Event::RolledOut),
                Some(_) => Decision::Wait { ms: LOOK_MS },
            },
            Rollout::Progressing { note, .. } if now >= watch.deadline => failed(
                ReasonKind::Deadline,
                format!("not healthy within {} s: {note}", self.deadline_s),
            ),
            Rollout::Progressing { note, .. } if watch.steady_since.is_some() => {
                Decision::Take(Event::Unsteady { note: note.clone() })
            }
            Rollout::Progressing { ready, desired, note } if (*ready, *desired) != watch.counts => {
                Decision::Take(Event::Progress {
                    ready: *ready,
                    desired: *desired,
                    note: note.clone(),
                })
            }
            Rollout::Progressing { .. } => Decision::Wait { ms: LOOK_MS },
        }
    }

    /// Whether the specification there is the one of this deployment.
    pub(super) fn is_written(&self, seen: &Seen) -> bool {
        self.is_ours(seen.mark.as_deref()) && seen.snapshot.digest.as_ref() == Some(&self.desired.digest)
    }

    pub(super) fn is_stable(&self, since: Timestamp, now: Timestamp) -> bool {
        now >= Self::after(since, self.stabilise_s)
    }

    pub(super) fn drifted(&self) -> Event {
        let message = format!(
            "somebody else changed {} on the target meanwhile: look there, then run again",
            self.workload
        );
        Event::Drifted { message }
    }

    pub(super) fn look_again() -> Decision {
        Decision::Wait { ms: LOOK_MS }
    }
}

struct Watch {
    deadline: Timestamp,
    steady_since: Option<Timestamp>,
    counts: (u64, u64),
}
