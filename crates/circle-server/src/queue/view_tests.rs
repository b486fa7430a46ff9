//! What the view keeps beside the line: who holds what, deadlines, offers, and that older knowledge changes nothing.

use circle_api::worker::Order;
use circle_core::ids::{HostId, RunId, ServiceId, WorkerId, WorkspaceId};
use circle_core::plan::Concurrency;
use circle_core::queue::Priority;
use circle_core::serving::Reach;
use circle_core::trigger::Trust;
use circle_store::records::Version;
use proptest::prelude::{Strategy, any, prop, proptest};
use proptest::prop_assert_eq;
use uuid::Uuid;

use super::entry::{Due, Entry, Phase};
use super::view::View;
use super::{Coming, HostPlaces, Post, Queue};

const WORKER: WorkerId = WorkerId::from_uuid(Uuid::nil());
const LEASED: Phase = Phase::Leased {
    worker: WORKER,
    fence: 1,
};

fn run(number: u64) -> RunId {
    RunId::from_uuid(Uuid::from_u128(u128::from(number)))
}

fn entry(number: u64, concurrency: Concurrency) -> Entry {
    Entry {
        id: run(number),
        version: Version(1),
        workspace: WorkspaceId::from_uuid(Uuid::from_u128(1)),
        service: ServiceId::from_uuid(Uuid::from_u128(10)),
        git_ref: "refs/heads/main".into(),
        trust: Trust::Member,
        number,
        priority: Priority::Normal,
        created_ms: i64::try_from(number).expect("small"),
        concurrency,
        is_new: true,
        phase: Phase::Waiting,
        since_ms: None,
        deadline_ms: Some(1_000 + i64::try_from(number).expect("small")),
        cancelled: false,
    }
}

fn next(view: &View) -> Option<RunId> {
    view.line.next(None, |_| true)
}

#[test]
fn older_knowledge_changes_nothing() {
    let mut view = View::default();
    let mut known = entry(1, Concurrency::Parallel);
    (known.version, known.phase) = (Version(5), LEASED);
    view.put(known);
    view.put(entry(1, Concurrency::Parallel));
    assert_eq!(next(&view), None, "a leased run is not offered again");
    assert_eq!(view.held_by(WORKER).count(), 1);
}

#[test]
fn an_offer_outlives_a_look_at_the_store_and_is_taken_back_in_time() {
    let mut view = View::default();
    view.put(entry(1, Concurrency::Parallel));
    let offered = Phase::Offered {
        worker: WORKER,
        until_ms: 50,
    };
    view.set_phase(run(1), offered);
    // The document still says that the run waits.
    view.put(entry(1, Concurrency::Parallel));
    assert_eq!((next(&view), view.counts()), (None, (1, 0)));
    assert_eq!((view.unanswered(49), view.unanswered(50)), (vec![], vec![run(1)]));
    view.set_phase(run(1), Phase::Waiting);
    assert_eq!((next(&view), view.unanswered(50)), (Some(run(1)), vec![]));
}

#[test]
fn who_is_superseded_is_found_again_after_a_restart() {
    let queue = Queue::default();
    let mut repeated = entry(4, Concurrency::CancelRunning);
    repeated.is_new = false;
    let mut ending = entry(2, Concurrency::CancelRunning);
    ending.cancelled = true;
    queue.restore(vec![
        entry(1, Concurrency::CancelRunning),
        ending,
        entry(3, Concurrency::CancelRunning),
        repeated,
        entry(5, Concurrency::Queue),
    ]);
    assert_eq!(queue.superseded(), [(run(1), 3)]);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Put(u64),
    Offer,
    Lease(usize),
    Deploy(usize),
    Take(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0..8_u8, 0..40_u64, any::<usize>()).prop_map(|(kind, number, which)| match kind {
        0..3 => Step::Put(number),
        3..5 => Step::Offer,
        5 => Step::Lease(which),
        6 => Step::Deploy(which),
        _ => Step::Take(which),
    });
    prop::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn what_is_kept_in_order_agrees_with_a_look_at_everything(steps in steps()) {
        let mut view = View::default();
        for (time, step) in steps.into_iter().enumerate() {
            let all: Vec<RunId> = view.entries().map(|entry| entry.id).collect();
            let pick = |which: usize| all.get(which % all.len().max(1)).copied();
            match step {
                Step::Put(number) => view.put(entry(number, Concurrency::Parallel)),
                Step::Offer => if let Some(run) = next(&view) {
                    let until_ms = i64::try_from(time).expect("small");
                    view.set_phase(run, Phase::Offered { worker: WORKER, until_ms });
                },
                Step::Lease(which) => if let Some(run) = pick(which) { view.set_phase(run, LEASED) },
                Step::Deploy(which) => if let Some(run) = pick(which) { view.set_phase(run, Phase::Deploying) },
                Step::Take(which) => if let Some(run) = pick(which) { drop(view.take(run)) },
            }
            let count = |counts: &dyn Fn(&Entry) -> bool| view.entries().filter(|entry| counts(entry)).count();
            prop_assert_eq!(view.held_by(WORKER).count(), count(&|entry| entry.worker().is_some()));
            prop_assert_eq!(view.active().count(), count(&Entry::is_active));
            prop_assert_eq!(view.past_deadline(1_020).count(), count(&|entry| entry.deadline_ms <= Some(1_020)));
            let offered = |entry: &Entry| matches!(entry.phase, Phase::Offered { .. });
            prop_assert_eq!(view.unanswered(i64::MAX).len(), count(&offered));
            prop_assert_eq!(view.counts().1, count(&|entry| entry.is_active() && !offered(entry)));
        }
    }
}

#[test]
fn what_is_past_its_time_is_told_by_where_it_stands() {
    let queue = Queue::default();
    let mut running = entry(2, Concurrency::Parallel);
    running.phase = LEASED;
    let mut ending = entry(3, Concurrency::Parallel);
    (ending.phase, ending.cancelled) = (LEASED, true);
    queue.restore(vec![entry(1, Concurrency::Parallel), running, ending]);
    assert_eq!(queue.due(1_000), []);
    assert_eq!(queue.due(2_000), [Due::Queue(run(1)), Due::Run(run(2))]);
}

#[test]
fn a_run_is_kept_for_the_worker_that_starts_for_it_and_for_no_other() {
    let queue = Queue::default();
    let (reach, host) = (Reach::default(), HostId::from_uuid(Uuid::from_u128(7)));
    let mut wanted = queue.hosts_wanted();
    let places = |busy| HostPlaces { reach, cells: 1, busy };
    queue.set_host(host, "lab", Ok(places(0)));
    queue.restore(vec![entry(1, Concurrency::Parallel), entry(2, Concurrency::Parallel)]);
    queue.dispatch(0);
    assert!(wanted.has_changed().expect("the queue lives"), "nobody else takes them");
    wanted.mark_unchanged();

    let posted = WorkerId::from_uuid(Uuid::from_u128(5));
    assert_eq!(queue.keep_for(posted, reach, 0), Some(run(1)));
    queue.set_host(host, "lab", Ok(places(1)));
    assert_eq!(queue.post(run(1), posted), Post::Held);
    assert_eq!(queue.post(run(1), WORKER), Post::Over);
    assert_eq!(queue.cells(), (1, 1));

    // An ordinary worker gets the other; when the one comes for which the first is kept, it gets that.
    let coming = |only| Coming {
        reach,
        cells: 8,
        draining: false,
        only,
    };
    let mut ordinary = queue.connect(WORKER, coming(None), 1);
    assert!(matches!(ordinary.orders.try_recv(), Ok(Order::Offer { run: offered, .. }) if offered == run(2)));
    assert!(ordinary.orders.try_recv().is_err(), "the first is not offered");
    let mut special = queue.connect(posted, coming(Some(run(1))), 2);
    assert!(matches!(special.orders.try_recv(), Ok(Order::Offer { run: offered, .. }) if offered == run(1)));

    // What nobody came for goes back into the line.
    queue.disconnect(posted, special.number, 3);
    assert!(matches!(ordinary.orders.try_recv(), Ok(Order::Offer { run: offered, .. }) if offered == run(1)));
    assert_eq!(queue.post(run(3), posted), Post::Over, "it is not there");
}
