//! What polling has seen of a service's repository, and when it looks again.

use circle_core::ids::ServiceId;
use circle_core::poll::{Change, Seen};
use circle_store::records::{Kind, Record};
use serde::{Deserialize, Serialize};

use super::KeptBody;

/// When something is looked at, and how that went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Looks {
    /// As it was when `due` was decided.
    pub interval_s: u32,
    /// The next look, in milliseconds since 1970.
    pub due: i64,
    /// The last look that was answered.
    pub looked_at: Option<i64>,
    /// The last look that found something.
    pub changed_at: Option<i64>,
    /// Looks in a row that were not answered.
    pub failures: u32,
    /// What the last of them said.
    pub trouble: Option<String>,
}

/// One for each service that is polled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PollRecord {
    pub service: ServiceId,
    /// Where the repository lay when it was seen; elsewhere it is another one.
    pub repository: String,
    /// `scheme://host[:port]`: what is asked once at a time, more or less.
    pub origin: String,
    #[serde(flatten)]
    pub looks: Looks,
    /// Of this record's making, in milliseconds since 1970: its deliveries have other names than those of one before.
    pub since: i64,
    /// Counts the times that changes were taken; names their deliveries.
    pub round: u64,
    /// [`Seen`] as text; `None` before the first look.
    pub seen: Option<KeptBody>,
    /// How many branches and tags that is.
    pub refs: u32,
    /// Taken into `seen` and perhaps not yet delivered.
    pub pending: Vec<Change>,
}

impl Looks {
    /// The first look makes the base line: the sooner, the less is missed.
    pub fn begun(interval_s: u32, now: i64) -> Self {
        Self {
            interval_s,
            due: now,
            looked_at: None,
            changed_at: None,
            failures: 0,
            trouble: None,
        }
    }

    /// Another interval is one from now on.
    pub fn every(&mut self, interval_s: u32, now: i64) {
        if self.interval_s != interval_s {
            (self.interval_s, self.due) = (interval_s, now);
        }
    }

    /// A look was answered.
    pub fn answered(&mut self, now: i64) {
        (self.looked_at, self.failures, self.trouble) = (Some(now), 0, None);
    }

    /// A look was not answered, or not so that it can be used.
    pub fn failed(&mut self, why: impl Into<String>) {
        self.failures = self.failures.saturating_add(1);
        self.trouble = Some(why.into());
    }
}

impl PollRecord {
    /// Whether nothing began anew in between: a service that moved has another record under the same id.
    pub fn is_of(&self, before: &Self) -> bool {
        (self.since, &self.repository) == (before.since, &before.repository)
    }

    /// What was seen; `None` before the first look, or when what is kept is damaged: then everything counts as seen at the next.
    pub fn seen(&self) -> Option<Seen> {
        self.seen.as_ref()?.text()?.parse().ok()
    }

    /// Keeps what was seen; false when it does not fit.
    pub fn keep(&mut self, seen: &Seen) -> bool {
        let Some(kept) = KeptBody::keep(seen.to_string().as_bytes()) else {
            return false;
        };
        self.refs = u32::try_from(seen.len()).unwrap_or(u32::MAX);
        self.seen = Some(kept);
        true
    }
}

impl Record for PollRecord {
    const KIND: Kind = Kind::Poll;
    const SCHEMA: u32 = 1;

    fn id(&self) -> String {
        self.service.to_string()
    }
}
