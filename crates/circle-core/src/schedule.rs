//! Runs that the clock starts: what is kept of a schedule, and what is to be done with it at a moment.

mod timing;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{DeliveryId, ScheduleId, ServiceId, WorkspaceId};
use crate::inputs::Values;
use crate::names::BranchName;

pub use timing::{Clock, DEFAULT_ZONE, MAX_CRON_CHARS, Timing, TimingFault};

/// Schedules of one service: rules of its file and those that were added beside it.
pub const MAX_SCHEDULES: usize = 20;

/// A standing wish for runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    pub id: ScheduleId,
    pub workspace: WorkspaceId,
    pub service: ServiceId,
    /// Unique in the service: a slug, or the pattern and zone of a rule of the file, which no slug looks like.
    pub name: String,
    pub timing: Timing,
    pub origin: Origin,
    /// What its runs are given, as it was given; judged by file and service at each commit.
    #[serde(default, skip_serializing_if = "Values::is_empty")]
    pub inputs: Values,
    /// Due times pass without a run.
    pub paused: Option<Paused>,
    /// `None` while it is paused.
    pub next_at: Option<Timestamp>,
    /// What it did last.
    pub last: Option<Fired>,
    /// The last due time that was left out, and why.
    pub left_out: Option<LeftOut>,
    pub created_at: Timestamp,
}

/// Where a schedule comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// A rule of the default branch's pipeline file: it goes when the rule goes.
    File {
        /// Where the rule was seen first.
        commit: String,
    },
    /// Added beside the file.
    Service {
        by: String,
        /// `None` = the service's default branch.
        branch: Option<BranchName>,
    },
}

/// Somebody's wish that nothing starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    pub by: String,
    pub at: Timestamp,
}

/// A due time that became a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fired {
    pub due: Timestamp,
    pub delivery: DeliveryId,
}

/// A due time that did not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    pub due: Timestamp,
    pub why: String,
}

impl Schedule {
    /// The due time that has come, if one has. Of several that passed while nobody looked, the first stands for all.
    pub fn due(&self, now: Timestamp) -> Option<Timestamp> {
        self.next_at.filter(|next| *next <= now)
    }

    /// After a due time became a delivery. What passed until now is past.
    #[must_use]
    pub fn fired(mut self, fired: Fired, now: Timestamp) -> Self {
        self.next_at = self.following(now);
        self.last = Some(fired);
        self
    }

    /// After a due time was left out.
    #[must_use]
    pub fn left_out(mut self, left_out: LeftOut, now: Timestamp) -> Self {
        self.next_at = self.following(now);
        self.left_out = Some(left_out);
        self
    }

    /// Nothing starts from now on.
    #[must_use]
    pub fn pause(mut self, by: &str, now: Timestamp) -> Self {
        self.paused.get_or_insert_with(|| Paused {
            by: by.to_owned(),
            at: now,
        });
        self.next_at = None;
        self
    }

    /// Due times count again; those that passed meanwhile do not.
    #[must_use]
    pub fn resume(mut self, now: Timestamp) -> Self {
        if self.paused.take().is_some() {
            self.next_at = self.following(now);
        }
        self
    }

    fn following(&self, now: Timestamp) -> Option<Timestamp> {
        // It was understood when it was made. Zones of another build may lack one: then it stands still, and its list says so.
        self.timing.clock().ok()?.after(now)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use uuid::Uuid;

    use super::{Fired, LeftOut, Origin, Schedule, Timing};
    use crate::ids::{DeliveryId, ScheduleId, ServiceId, WorkspaceId};

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    fn nightly() -> Schedule {
        Schedule {
            id: ScheduleId::from_uuid(Uuid::nil()),
            workspace: WorkspaceId::from_uuid(Uuid::nil()),
            service: ServiceId::from_uuid(Uuid::nil()),
            name: "nightly".to_owned(),
            timing: Timing {
                cron: "0 3 * * *".to_owned(),
                zone: "UTC".to_owned(),
            },
            origin: Origin::Service {
                by: "mia".to_owned(),
                branch: None,
            },
            inputs: Default::default(),
            paused: None,
            next_at: Some(at("2026-01-02T03:00:00Z")),
            last: None,
            left_out: None,
            created_at: at("2026-01-01T12:00:00Z"),
        }
    }

    fn fired(due: Timestamp) -> Fired {
        let delivery = DeliveryId::from_uuid(Uuid::nil());
        Fired { due, delivery }
    }

    #[test]
    fn it_is_due_from_its_moment_on_and_then_the_next_day() {
        let schedule = nightly();
        assert_eq!(schedule.due(at("2026-01-02T02:59:59.999Z")), None);
        let due = schedule.due(at("2026-01-02T03:00:00Z")).expect("due");
        let after = schedule.fired(fired(due), at("2026-01-02T03:00:00Z"));
        assert_eq!(after.next_at, Some(at("2026-01-03T03:00:00Z")));
        assert_eq!(
            after.due(at("2026-01-02T03:00:00Z")),
            None,
            "not twice in its own moment"
        );
    }

    /// A clock that is played: nobody looks for three weeks.
    #[test]
    fn what_passed_while_nobody_looked_is_one_run() {
        let (mut schedule, mut now, mut runs) = (nightly(), at("2026-01-01T00:00:00Z"), Vec::new());
        for (to, step_hours) in [
            ("2026-01-05T00:00:00Z", 1),
            ("2026-01-26T00:00:00Z", 24 * 21),
            ("2026-01-28T00:00:00Z", 1),
        ] {
            while now < at(to) {
                now += jiff::SignedDuration::from_hours(step_hours);
                if let Some(due) = schedule.due(now) {
                    runs.push(due.to_string());
                    schedule = schedule.fired(fired(due), now);
                }
            }
        }
        let wanted = [2, 3, 4, 5, 26, 27].map(|day| format!("2026-01-{day:02}T03:00:00Z"));
        assert_eq!(runs, wanted, "of the 21 that were missed only the first");
    }

    #[test]
    fn a_clock_that_is_put_back_brings_nothing_a_second_time() {
        let later = nightly().fired(fired(at("2026-01-02T03:00:00Z")), at("2026-01-02T03:00:05Z"));
        assert_eq!(later.due(at("2026-01-02T02:00:00Z")), None);
        assert_eq!(later.due(at("2026-01-02T03:00:00Z")), None);
    }

    #[test]
    fn a_pause_leaves_out_what_passes_in_it() {
        let paused = nightly().pause("mia", at("2026-01-02T00:00:00Z"));
        assert_eq!(paused.due(at("2026-03-01T00:00:00Z")), None);
        let again = paused.clone().pause("tom", at("2026-01-03T00:00:00Z"));
        assert_eq!(again, paused, "it is paused already");
        let resumed = again.resume(at("2026-03-01T12:00:00Z"));
        assert_eq!(resumed.next_at, Some(at("2026-03-02T03:00:00Z")));
        let running = nightly();
        assert_eq!(
            running.clone().resume(at("2026-03-01T12:00:00Z")),
            running,
            "nothing was paused"
        );
    }

    #[test]
    fn what_is_left_out_is_told_and_passes() {
        let due = at("2026-01-02T03:00:00Z");
        let left_out = LeftOut {
            due,
            why: "run 7 has not ended".to_owned(),
        };
        let after = nightly().left_out(left_out.clone(), due);
        assert_eq!((after.left_out, after.last), (Some(left_out), None));
        assert_eq!(after.next_at, Some(at("2026-01-03T03:00:00Z")));
    }
}
