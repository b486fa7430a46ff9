//! What happened to runs lately, in order, for whoever watches a list of them.
//!
//! Promises: every change of a run that this server wrote has a number one higher than the one before; a reader asks for
//! what follows a number and gets all of it, or is told that some of it is forgotten. Nothing waits for a reader, and a
//! reader costs nothing here but a waker. Absences: nothing is on disk, and numbers of an earlier start are of no use:
//! the store is read anew then.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use circle_api::resources::RunSummary;
use circle_core::ids::{ServiceId, WorkspaceId};
use circle_core::run::Run;
use tokio::sync::watch;
use uuid::Uuid;

use crate::limits::FEED_CHANGES;

/// One change of a run, told to everybody in the same bytes.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    pub(crate) number: u64,
    pub(crate) workspace: WorkspaceId,
    pub(crate) service: ServiceId,
    /// The run's [`RunSummary`] after the change, as JSON.
    pub(crate) run: Arc<str>,
}

/// The last changes of all workspaces.
#[derive(Debug)]
pub(crate) struct Feed {
    /// Tells the numbers of this start from those of others.
    start: String,
    changes: Mutex<VecDeque<Change>>,
    newest: watch::Sender<u64>,
}

/// What follows a number.
#[derive(Debug)]
pub(crate) enum Following {
    /// All of it, oldest first.
    Known(Vec<Change>),
    /// Some of it is forgotten.
    Forgotten,
}

impl Default for Feed {
    fn default() -> Self {
        Self {
            start: Uuid::now_v7().simple().to_string(),
            changes: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }
}

impl Feed {
    /// Tells that a run was written.
    pub(crate) fn tell(&self, run: &Run) {
        let summary = RunSummary::from(run);
        let text = serde_json::to_string(&summary).expect("a view of plain fields is always JSON");
        self.put(run.workspace, run.service, text.into());
    }

    fn put(&self, workspace: WorkspaceId, service: ServiceId, run: Arc<str>) {
        let mut changes = self.lock();
        let number = *self.newest.borrow() + 1;
        if changes.len() >= FEED_CHANGES {
            changes.pop_front();
        }
        changes.push_back(Change {
            number,
            workspace,
            service,
            run,
        });
        // Under the lock, so that numbers are told in their order.
        self.newest.send_replace(number);
    }

    /// Wakes at every change from now on; several may be told as one.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// What followed a number, up to now.
    pub(crate) fn after(&self, number: u64) -> Following {
        let changes = self.lock();
        let newest = *self.newest.borrow();
        let oldest = changes.front().map_or(newest + 1, |change| change.number);
        if number > newest || number + 1 < oldest {
            return Following::Forgotten;
        }
        let first = changes.partition_point(|change| change.number <= number);
        Following::Known(changes.range(first..).cloned().collect())
    }

    /// The name of a number, for the client to come back with.
    pub(crate) fn name(&self, number: u64) -> String {
        format!("{}-{number}", self.start)
    }

    /// The number behind a name of this start.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let (start, number) = name.rsplit_once('-')?;
        let number = number.parse().ok()?;
        (start == self.start).then_some(number)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Change>> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use circle_core::ids::{ServiceId, WorkspaceId};
    use uuid::Uuid;

    use super::{Feed, Following};
    use crate::limits::FEED_CHANGES;

    fn told(feed: &Feed, times: usize) {
        let (workspace, service) = (
            WorkspaceId::from_uuid(Uuid::from_u128(1)),
            ServiceId::from_uuid(Uuid::from_u128(2)),
        );
        for _ in 0..times {
            feed.put(workspace, service, "{}".into());
        }
    }

    fn numbers(feed: &Feed, after: u64) -> Option<Vec<u64>> {
        match feed.after(after) {
            Following::Known(changes) => Some(changes.iter().map(|change| change.number).collect()),
            Following::Forgotten => None,
        }
    }

    #[test]
    fn a_reader_gets_all_that_follows_or_hears_that_some_is_forgotten() {
        let feed = Feed::default();
        assert_eq!(numbers(&feed, 0), Some(vec![]), "nothing happened, nothing is missed");
        assert_eq!(numbers(&feed, 1), None, "a number that was never told");
        told(&feed, 3);
        assert_eq!(numbers(&feed, 0), Some(vec![1, 2, 3]));
        assert_eq!(numbers(&feed, 2), Some(vec![3]));
        assert_eq!(numbers(&feed, 3), Some(vec![]));
        told(&feed, FEED_CHANGES);
        let (first, last) = (3, 3 + FEED_CHANGES as u64);
        assert_eq!(numbers(&feed, first - 1), None, "one that fell behind");
        let all = numbers(&feed, first).expect("just known");
        assert_eq!(
            (all.first(), all.last(), all.len()),
            (Some(&(first + 1)), Some(&last), FEED_CHANGES)
        );
    }

    #[test]
    fn a_name_of_another_start_is_no_number() {
        let (feed, other) = (Feed::default(), Feed::default());
        assert_eq!(feed.number(&feed.name(7)), Some(7));
        for name in [&*other.name(7), "", "-", "7", "-7", &feed.name(7)[..33]] {
            assert_eq!(feed.number(name), None, "{name}");
        }
    }
}
