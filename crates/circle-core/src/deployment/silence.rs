//! A target that does not answer: it is waited for, said so, and given up in the end.

use jiff::{SignedDuration, Timestamp};

use super::record::{Deployment, Trouble};
use super::state::{DeploymentState as State, Reason, ReasonKind};

/// The longest pause between two looks at a silent target, in seconds.
const MAX_PAUSE_S: u64 = 30;

impl Deployment {
    pub(super) fn note_silence(&mut self, why: String, now: Timestamp) {
        let mut trouble = self.trouble.take().unwrap_or(Trouble {
            since: now,
            tries: 0,
            next_at: now,
            why: String::new(),
        });
        if trouble.tries == 0 {
            self.note(now, format!("the target does not answer: {why}"));
        }
        let paused = now.duration_since(trouble.since) >= SignedDuration::from_secs(Self::UNREACHABLE_S);
        let was_paused =
            trouble.next_at.duration_since(trouble.since) >= SignedDuration::from_secs(Self::UNREACHABLE_S);
        if paused && !was_paused {
            self.note(
                now,
                "paused until the target answers again; cancel the run to stop waiting",
            );
        }
        trouble.tries = trouble.tries.saturating_add(1);
        let pause = 1_u64
            .checked_shl(trouble.tries.min(10) - 1)
            .unwrap_or(MAX_PAUSE_S)
            .min(MAX_PAUSE_S);
        trouble.next_at = Self::after(now, pause);
        trouble.why = why;
        self.trouble = Some(trouble);
    }

    /// Time in which nothing could be seen does not count against a deadline.
    pub(super) fn end_silence(&mut self, now: Timestamp) {
        let Some(trouble) = self.trouble.take() else { return };
        let silent = u64::try_from(now.duration_since(trouble.since).as_secs()).unwrap_or(0);
        self.note(now, "the target answers again");
        match &mut self.state {
            State::Watching { deadline, .. }
            | State::Verifying { deadline, .. }
            | State::RollingBack { deadline, .. } => {
                *deadline = Self::after(*deadline, silent);
            }
            _ => {}
        }
    }

    pub(super) fn give_up(&mut self, why: String, now: Timestamp) {
        let message = format!("the target was silent for {} minutes: {why}", Self::GIVE_UP_S / 60);
        match &self.state {
            State::Locked { .. } => {
                let reason = Reason::new(ReasonKind::Unreachable, format!("{message}; nothing was changed"));
                self.end(State::Failed { at: now, reason }, message, now);
            }
            State::RollingBack { reason, .. } => {
                let reason = reason.clone();
                self.end(
                    State::RollbackFailed {
                        at: now,
                        reason,
                        why: message.clone(),
                    },
                    message,
                    now,
                );
            }
            _ => self.end(
                State::Abandoned {
                    at: now,
                    why: format!("{message}; what it serves is not known"),
                },
                message,
                now,
            ),
        }
    }
}
