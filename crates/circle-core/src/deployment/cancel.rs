//! What a wish to end does in each state.

use jiff::Timestamp;

use super::record::{Base, Deployment, Intent};
use super::state::{DeploymentState as State, Reason, ReasonKind};

impl Deployment {
    /// Before a write it ends at once; after a write it goes back, or is left alone with `abandon`. On the way back
    /// only `abandon` does anything.
    pub(super) fn cancel(&mut self, by: &str, abandon: bool, now: Timestamp) {
        match &self.state {
            State::Waiting { .. } | State::Queued { .. } | State::Locked { .. } => {
                self.end_cancelled(format!("cancelled by {by}; nothing was changed"), now);
            }
            _ if abandon => {
                let why = format!("abandoned by {by}: what the target serves is not watched any more");
                self.end(
                    State::Abandoned {
                        at: now,
                        why: why.clone(),
                    },
                    why,
                    now,
                );
            }
            State::RollingBack { .. } => {}
            State::Intended {
                intent: Intent { base: Base::Absent, .. },
                ..
            } => {
                let why = format!(
                    "cancelled by {by} while {} was made for the first time: if it is there, it stays",
                    self.workload
                );
                self.end_cancelled(why, now);
            }
            _ => self.go_back(Reason::new(ReasonKind::Cancelled, format!("cancelled by {by}")), now),
        }
    }
}
