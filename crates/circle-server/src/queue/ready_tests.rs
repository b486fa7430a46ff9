//! The view against simple truths, with random histories.

use std::collections::{BTreeMap, BTreeSet};

use circle_core::ids::{RunId, ServiceId, WorkerId, WorkspaceId};
use circle_core::plan::Concurrency;
use circle_store::records::Version;
use proptest::prelude::{Strategy, any, prop, proptest};
use proptest::prop_assert;
use uuid::Uuid;

use super::entry::{Entry, Phase};
use super::ready::Ready;

fn entry(number: u64, (workspace, service): (u128, u128), git_ref: &str, concurrency: Concurrency) -> Entry {
    Entry {
        id: RunId::from_uuid(Uuid::from_u128(u128::from(number) << 64 | service)),
        version: Version(1),
        workspace: WorkspaceId::from_uuid(Uuid::from_u128(workspace)),
        service: ServiceId::from_uuid(Uuid::from_u128(service)),
        git_ref: git_ref.into(),
        number,
        priority: 0,
        created_ms: i64::try_from(number).expect("small"),
        concurrency,
        phase: Phase::Waiting,
        deadline_ms: None,
        cancelled: false,
    }
}

const LEASED: Phase = Phase::Leased {
    worker: WorkerId::from_uuid(Uuid::nil()),
    fence: 1,
};

#[test]
fn workspaces_share_however_many_runs_one_has() {
    let mut ready = Ready::default();
    for number in 0..100 {
        ready.put(entry(number, (1, 10), &format!("b{number}"), Concurrency::Parallel));
    }
    ready.put(entry(1000, (2, 20), "main", Concurrency::Parallel));
    let mut taken = Vec::new();
    for _ in 0..3 {
        let next = ready.next().expect("a run");
        taken.push(ready.get(next).expect("known").workspace.uuid().as_u128());
        ready.set_phase(next, LEASED);
    }
    assert!(taken[..2].contains(&2), "{taken:?}");
}

#[test]
fn runs_of_one_ref_go_one_after_the_other() {
    let mut ready = Ready::default();
    // The newer one is heard of first.
    for number in [2, 1] {
        ready.put(entry(number, (1, 10), "main", Concurrency::Queue));
    }
    let first = ready.next().expect("a run");
    assert_eq!(ready.get(first).expect("known").number, 1);
    ready.set_phase(first, LEASED);
    assert_eq!(ready.next(), None);
    ready.take(first);
    let second = ready.next().expect("the other");
    assert_eq!(ready.get(second).expect("known").number, 2);
}

#[test]
fn older_knowledge_changes_nothing() {
    let mut ready = Ready::default();
    let mut known = entry(1, (1, 10), "main", Concurrency::Parallel);
    known.version = Version(5);
    known.phase = LEASED;
    ready.put(known);
    ready.put(entry(1, (1, 10), "main", Concurrency::Parallel));
    assert_eq!(ready.next(), None, "a leased run is not offered again");
}

#[test]
fn ten_thousand_waiting_runs_are_taken_in_a_moment() {
    let mut ready = Ready::default();
    for number in 0..10_000 {
        ready.put(entry(
            number,
            (u128::from(number % 7), u128::from(number % 50)),
            &format!("b{number}"),
            Concurrency::Parallel,
        ));
    }
    let began = std::time::Instant::now();
    let mut taken = 0;
    while let Some(next) = ready.next() {
        ready.set_phase(next, LEASED);
        ready.take(next);
        taken += 1;
    }
    assert_eq!(taken, 10_000);
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
}

/// What can happen to a run of the view.
#[derive(Debug, Clone, Copy)]
enum Step {
    Put(u64),
    Lease,
    Take(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u8>(), 0..40_u64, any::<usize>()).prop_map(|(kind, number, which)| match kind % 3 {
        0 => Step::Put(number),
        1 => Step::Lease,
        _ => Step::Take(which),
    });
    prop::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn nothing_is_lost_and_nothing_goes_before_its_turn(steps in steps()) {
        let mut ready = Ready::default();
        ready.set_parallel(ServiceId::from_uuid(Uuid::from_u128(10)), 1000);
        let mut waiting: BTreeMap<u64, RunId> = BTreeMap::new();
        let mut leased: BTreeSet<RunId> = BTreeSet::new();
        for step in steps {
            match step {
                Step::Put(number) => {
                    let new = entry(number, (1, 10), "main", Concurrency::Queue);
                    if !leased.contains(&new.id) {
                        waiting.insert(number, new.id);
                        ready.put(new);
                    }
                }
                Step::Lease => {
                    let next = ready.next();
                    let may_go = leased.is_empty() || waiting.keys().next().is_some_and(|first| {
                        leased.iter().all(|held| ready.get(*held).is_none_or(|held| held.number > *first))
                    });
                    let expected = if may_go { waiting.values().next().copied() } else { None };
                    prop_assert!(next == expected, "{next:?} instead of {expected:?}");
                    if let Some(run) = next {
                        ready.set_phase(run, LEASED);
                        waiting.pop_first();
                        leased.insert(run);
                    }
                }
                Step::Take(which) => {
                    let all: Vec<RunId> = waiting.values().copied().chain(leased.iter().copied()).collect();
                    if let Some(run) = all.get(which % all.len().max(1)) {
                        ready.take(*run);
                        leased.remove(run);
                        waiting.retain(|_, known| known != run);
                    }
                }
            }
        }
        prop_assert!(ready.entries().count() == waiting.len() + leased.len());
    }
}
