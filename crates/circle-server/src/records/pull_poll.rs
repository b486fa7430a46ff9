//! What polling has seen of the pull requests of a service's repository, and when it looks again.

use circle_core::ids::{ForgeId, ServiceId};
use circle_core::pulls::SeenPulls;
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Serialize};

use super::{KeptBody, Looks};
use crate::forge::{PullAction, PullRequest};

/// One for each service that is polled and linked to a forge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PullPollRecord {
    pub service: ServiceId,
    /// Whose token asks: the services of one are looked at in turn.
    pub connection: ForgeId,
    /// The forge's own id of the repository that was seen.
    pub repository: String,
    #[serde(flatten)]
    pub looks: Looks,
    /// Of this record's making, in milliseconds since 1970: its deliveries have other names than those of one before.
    pub since: i64,
    /// Counts the times that changes were taken; names their deliveries.
    pub round: u64,
    /// [`SeenPulls`] as text; `None` before the first look.
    pub seen: Option<KeptBody>,
    /// How many pull requests that is.
    pub open: u32,
    /// Came with the list that `seen` is; `None` when it is another one by now.
    pub mark: Option<String>,
    /// Taken into `seen` and perhaps not yet delivered.
    pub pending: Vec<PolledPull>,
}

/// What polling tells of a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolledPull {
    pub action: PullAction,
    /// As the forge showed it.
    pub pull: PullRequest,
}

impl PullPollRecord {
    /// Whether nothing began anew in between: a service that moved has another record under the same id.
    pub fn is_of(&self, before: &Self) -> bool {
        self.since == before.since && self.is_of_place(before.connection, &before.repository)
    }

    /// Whether it is of this repository of this forge.
    pub fn is_of_place(&self, connection: ForgeId, repository: &str) -> bool {
        (self.connection, self.repository.as_str()) == (connection, repository)
    }

    /// What was seen; `None` before the first look, or when what is kept is damaged: then everything counts as seen at the next.
    pub fn seen(&self) -> Option<SeenPulls> {
        self.seen.as_ref()?.text()?.parse().ok()
    }

    /// Keeps what was seen, which is no list that a mark came with; false when it does not fit.
    pub fn keep(&mut self, seen: &SeenPulls) -> bool {
        let Some(kept) = KeptBody::keep(seen.to_string().as_bytes()) else {
            return false;
        };
        self.open = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        (self.seen, self.mark) = (Some(kept), None);
        true
    }
}

impl Record for PullPollRecord {
    const KIND: Kind = Kind::PullPoll;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.service.to_string()
    }
}
