//! How long runs took in their cells, from which waits are estimated.

use std::collections::{HashMap, VecDeque};

use circle_core::ids::ServiceId;
use circle_core::queue::median;
use circle_core::run::{Run, RunState};

/// Runs of one service that are remembered: enough for a median, few enough to follow what changes.
pub(crate) const REMEMBERED_RUNS: usize = 20;
/// Services that are remembered; the one that was noted longest ago is forgotten, and read again when somebody asks.
const REMEMBERED_SERVICES: usize = 2_000;

/// What the last runs took, in milliseconds.
#[derive(Debug, Default)]
pub(super) struct History {
    services: HashMap<ServiceId, Last>,
    all: Last,
    noted: u64,
}

#[derive(Debug, Default)]
struct Last {
    worked_ms: VecDeque<u64>,
    noted: u64,
}

impl History {
    /// A run of a service ended after so long.
    pub(super) fn note(&mut self, service: ServiceId, worked_ms: u64) {
        self.noted += 1;
        self.all.push(worked_ms, self.noted);
        self.make_room(service);
        self.services.entry(service).or_default().push(worked_ms, self.noted);
    }

    /// Takes in what a service's runs took before, oldest first, unless something is known already.
    pub(super) fn learn(&mut self, service: ServiceId, worked_ms: &[u64]) {
        if self.knows(service) {
            return;
        }
        self.make_room(service);
        // Also a service without history is known: it is not asked for again.
        self.services.entry(service).or_default().noted = self.noted;
        for worked_ms in worked_ms {
            self.note(service, *worked_ms);
        }
    }

    pub(super) fn knows(&self, service: ServiceId) -> bool {
        self.services.contains_key(&service)
    }

    /// What a run of the service takes: the median of its own history, else of everybody's; `None` when nothing ran yet.
    pub(super) fn takes_ms(&self, service: ServiceId) -> Option<u64> {
        let own = self.services.get(&service).and_then(Last::median);
        own.or_else(|| self.all.median())
    }

    fn make_room(&mut self, service: ServiceId) {
        if self.services.len() < REMEMBERED_SERVICES || self.services.contains_key(&service) {
            return;
        }
        let oldest = self.services.iter().min_by_key(|(_, last)| last.noted);
        if let Some(oldest) = oldest.map(|(service, _)| *service) {
            self.services.remove(&oldest);
        }
    }
}

impl Last {
    fn push(&mut self, worked_ms: u64, noted: u64) {
        if self.worked_ms.len() == REMEMBERED_RUNS {
            self.worked_ms.pop_front();
        }
        self.worked_ms.push_back(worked_ms);
        self.noted = noted;
    }

    fn median(&self) -> Option<u64> {
        median(self.worked_ms.iter().copied())
    }
}

/// How long an ended run was out of the queue; `None` when it never was.
pub(super) fn worked_ms(run: &Run) -> Option<u64> {
    let RunState::Ended { at, .. } = run.state else {
        return None;
    };
    let started = run.started_at()?;
    u64::try_from(at.duration_since(started).as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use circle_core::ids::ServiceId;
    use uuid::Uuid;

    use super::{History, REMEMBERED_RUNS, REMEMBERED_SERVICES};

    fn service(number: u128) -> ServiceId {
        ServiceId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn a_service_is_measured_by_its_own_runs_and_a_new_one_by_those_of_others() {
        let mut history = History::default();
        assert_eq!(history.takes_ms(service(1)), None);
        history.learn(service(1), &[100, 300, 200]);
        history.note(service(2), 9_000);
        assert_eq!(history.takes_ms(service(1)), Some(200));
        assert_eq!(history.takes_ms(service(2)), Some(9_000));
        assert_eq!(history.takes_ms(service(3)), Some(200), "the median of all four");
        history.learn(service(1), &[7]);
        assert_eq!(history.takes_ms(service(1)), Some(200), "it was known already");
    }

    #[test]
    fn only_the_last_runs_count_and_memory_is_bounded() {
        let mut history = History::default();
        for _ in 0..REMEMBERED_RUNS {
            history.note(service(1), 1);
        }
        for _ in 0..REMEMBERED_RUNS {
            history.note(service(1), 50);
        }
        assert_eq!(history.takes_ms(service(1)), Some(50));
        for other in 0..REMEMBERED_SERVICES as u128 {
            history.note(service(100 + other), 3);
        }
        assert_eq!(history.services.len(), REMEMBERED_SERVICES);
        assert!(!history.knows(service(1)), "the one noted longest ago was forgotten");
    }
}
