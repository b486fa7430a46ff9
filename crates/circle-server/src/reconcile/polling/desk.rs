//! Who is looked at now: services that are due, a few at a time, fewer of one group.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use circle_store::records::{FindAll, Kind, Query, StoreError};
use tokio::task::JoinSet;

use super::adopt::adopt;
use super::course::Course;
use crate::limits::{LOOP_PERIOD, POLLS_AT_ONCE};
use crate::server::Server;
use crate::time::now_ms;

/// Heads of one look at what is due.
const PAGE: usize = 500;
/// Due services that are passed over because their group has enough; those behind them are found when these are done.
const PASSED: usize = 20_000;

/// Runs until the server goes down.
pub(in crate::reconcile) async fn run(server: Arc<Server>, course: Course) {
    let mut services = server.records.store().changes(Kind::Service);
    let mut looks = JoinSet::new();
    let mut busy = Busy::of(course.of_a_group());
    let mut unadopted = true;
    loop {
        if unadopted {
            match adopt(&server, course).await {
                Ok(()) => unadopted = false,
                Err(error) => tracing::warn!(%error, "services to be polled cannot be read; it is tried again"),
            }
        }
        let next = fill(&server, course, &mut busy, &mut looks)
            .await
            .unwrap_or_else(|error| {
                tracing::warn!(%error, "what is to be polled cannot be read; it is tried again");
                LOOP_PERIOD
            });
        tokio::select! {
            () = server.shutdown.cancelled() => break,
            () = services.changed() => unadopted = true,
            Some(done) = looks.join_next() => match done {
                Ok(done) => busy.done(&done, Instant::now()),
                Err(error) => {
                    tracing::error!(%error, "a look at a repository died");
                    looks.shutdown().await;
                    busy = Busy::of(course.of_a_group());
                }
            },
            () = tokio::time::sleep(next) => {}
        }
    }
    looks.shutdown().await;
}

/// A look that is over.
#[derive(Debug)]
struct Done {
    id: String,
    group: String,
    /// So long the group is left alone.
    rest: Duration,
}

/// Looks that are under way, and groups that are left alone.
#[derive(Debug)]
struct Busy {
    of_a_group: usize,
    services: HashSet<String>,
    groups: HashMap<String, usize>,
    resting: HashMap<String, Instant>,
}

/// Whether a service can be looked at.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Taken,
    /// Its group has enough, or it is looked at already.
    Full,
    /// Its group is left alone for so long.
    Resting(Duration),
}

impl Busy {
    fn of(of_a_group: usize) -> Self {
        Self {
            of_a_group,
            services: HashSet::new(),
            groups: HashMap::new(),
            resting: HashMap::new(),
        }
    }

    fn is_full(&self) -> bool {
        self.services.len() >= POLLS_AT_ONCE
    }

    /// Takes a service if its group has room.
    fn take(&mut self, id: &str, group: &str, now: Instant) -> Place {
        let count = self.groups.get(group).copied().unwrap_or(0);
        if count >= self.of_a_group || self.services.contains(id) {
            return Place::Full;
        }
        self.resting.retain(|_, until| *until > now);
        if let Some(until) = self.resting.get(group) {
            return Place::Resting(*until - now);
        }
        self.services.insert(id.to_owned());
        self.groups.insert(group.to_owned(), count + 1);
        Place::Taken
    }

    fn done(&mut self, done: &Done, now: Instant) {
        self.services.remove(&done.id);
        match self.groups.get_mut(&done.group) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                self.groups.remove(&done.group);
            }
        }
        if !done.rest.is_zero() {
            self.resting.insert(done.group.clone(), now + done.rest);
        }
    }
}

/// Begins looks while there is room; says how long nothing will be due.
async fn fill(
    server: &Arc<Server>,
    course: Course,
    busy: &mut Busy,
    looks: &mut JoinSet<Done>,
) -> Result<Duration, StoreError> {
    let (now, mut soonest) = (now_ms(), LOOP_PERIOD);
    let mut due = FindAll::new(server.records.store().as_ref(), Query::over(course.due()).limit(PAGE));
    let mut passed = 0;
    while let Some(heads) = due.next().await? {
        for head in heads {
            let at = head.number("/due").unwrap_or(0);
            if at > now {
                return Ok(soonest.min(Duration::from_millis(at.abs_diff(now))));
            }
            if busy.is_full() || passed >= PASSED {
                return Ok(soonest);
            }
            let group = head.text(course.group()).unwrap_or_default().to_owned();
            match busy.take(&head.id, &group, Instant::now()) {
                Place::Taken => {}
                Place::Full => {
                    passed += 1;
                    continue;
                }
                Place::Resting(rest) => {
                    (passed, soonest) = (passed + 1, soonest.min(rest));
                    continue;
                }
            }
            looks.spawn(look(Arc::clone(server), course, (head.id, group)));
        }
    }
    Ok(soonest)
}

async fn look(server: Arc<Server>, course: Course, (id, group): (String, String)) -> Done {
    let rest = match course.look(&server, &id).await {
        Ok(rest) => rest,
        Err(error) => {
            tracing::warn!(service = id, %error, "a repository was not looked at to the end; it is tried again");
            if let Err(error) = course.broke_off(&server, &id).await {
                tracing::warn!(service = id, %error, "the next look could not be put off");
            }
            // A store in trouble is not asked without end; the looks of this group wait with it.
            LOOP_PERIOD
        }
    };
    Done { id, group, rest }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{Busy, Done, Place};
    use crate::limits::{POLLS_AT_ONCE, POLLS_OF_A_HOST};

    fn done(id: &str, group: &str, rest: Duration) -> Done {
        Done {
            id: id.into(),
            group: group.into(),
            rest,
        }
    }

    #[test]
    fn a_host_has_a_few_places_and_gives_them_back() {
        let now = Instant::now();
        let mut busy = Busy::of(POLLS_OF_A_HOST);
        for number in 0..POLLS_OF_A_HOST {
            let id = format!("slow-{number}");
            assert_eq!(busy.take(&id, "https://slow", now), Place::Taken);
            assert_eq!(
                busy.take(&id, "https://other", now),
                Place::Full,
                "it is looked at already"
            );
        }
        assert_eq!(busy.take("slow-more", "https://slow", now), Place::Full);
        assert_eq!(busy.take("quick", "https://quick", now), Place::Taken);
        busy.done(&done("slow-0", "https://slow", Duration::ZERO), now);
        assert_eq!(busy.take("slow-more", "https://slow", now), Place::Taken);
        for number in 0.. {
            if busy.is_full() {
                break;
            }
            let group = format!("https://h{number}");
            assert_eq!(busy.take(&format!("s{number}"), &group, now), Place::Taken);
        }
        assert_eq!(busy.services.len(), POLLS_AT_ONCE);
    }

    #[test]
    fn a_group_that_rests_is_left_alone_and_no_other() {
        let now = Instant::now();
        let mut busy = Busy::of(1);
        assert_eq!(busy.take("a", "token", now), Place::Taken);
        assert_eq!(busy.take("b", "token", now), Place::Full, "one at a time");
        busy.done(&done("a", "token", Duration::from_secs(60)), now);
        let later = now + Duration::from_secs(45);
        assert_eq!(busy.take("b", "token", later), Place::Resting(Duration::from_secs(15)));
        assert_eq!(busy.take("c", "another", later), Place::Taken);
        let rested = now + Duration::from_secs(60);
        assert_eq!(busy.take("b", "token", rested), Place::Taken);
        assert!(busy.resting.is_empty(), "nothing is kept of rests that are over");
    }
}
