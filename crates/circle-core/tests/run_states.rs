//! The life of a run as decisions: what each event does, and what no sequence of events can do.

use circle_core::ids::{RunId, ServiceId, WorkerId, WorkspaceId};
use circle_core::names::{BranchName, Slug};
use circle_core::plan::{Concurrency, DeployStep, Plan, Retry, RetryWhen, Stage, Work};
use circle_core::run::{
    ApplyError, CancelCause, Failure, FailureKind, Outcome, Part, PartState, Phases, Run, RunEvent, RunState,
    StageRecord, StageState, Verdict, WorkerEvent,
};
use circle_core::trigger::{Event, Trigger, Trust};
use jiff::Timestamp;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use uuid::Uuid;

const STAGES: [&str; 2] = ["checkout", "build"];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time in range")
}

fn worker(n: u128) -> WorkerId {
    WorkerId::from_uuid(Uuid::from_u128(n))
}

fn run(deploys: bool) -> Run {
    let branch = BranchName::new("main").expect("a branch");
    let stage = |name: &str| Stage {
        name: name.into(),
        work: Work::Checkout { submodules: false },
        timeout_s: 60,
        retry: Retry {
            max: 1,
            when: RetryWhen::Infrastructure,
        },
    };
    let step = DeployStep {
        environment: "production".into(),
        image: "default".into(),
        needs: vec![],
        verify: None,
    };
    let plan = Plan {
        stages: STAGES.iter().map(|name| stage(name)).collect(),
        deploys: if deploys { vec![step] } else { vec![] },
        timeout_s: 600,
        silence_s: 60,
        concurrency: Concurrency::Queue,
        warnings: vec![],
    };
    let record = |name: &str| StageRecord {
        name: name.into(),
        kind: name.into(),
        state: StageState::Waiting,
        tries: 0,
        phases: Phases::default(),
        output: None,
        reused: false,
    };
    Run {
        id: RunId::from_uuid(Uuid::from_u128(1)),
        workspace: WorkspaceId::from_uuid(Uuid::from_u128(2)),
        service: ServiceId::from_uuid(Uuid::from_u128(3)),
        service_name: Slug::new("shop").expect("a name"),
        number: 1,
        trigger: Trigger {
            event: Event::Push { branch: branch.clone() },
            git_ref: branch.full(),
            commit: None,
            commit_time: None,
            title: None,
            actor: "hook".into(),
            trust: Trust::Member,
            key: "k".into(),
            changed_paths: None,
            inputs: Default::default(),
        },
        priority: 0,
        state: RunState::Queued { since: at(0) },
        plan: Some(plan),
        parts: vec![Part::waiting("main")],
        stages: STAGES.iter().map(|name| record(name)).collect(),
        images: vec![],
        deployments: vec![],
        cancel: None,
        rerun: None,
        report: None,
        noticed: false,
        queue_deadline: at(7_200),
        created_at: at(0),
        updated_at: at(0),
    }
}

fn claim(fence: u64) -> RunEvent {
    RunEvent::Claimed {
        part: 0,
        worker: worker(9),
        fence,
        token_hash: "h".into(),
    }
}

fn report(fence: u64, sequence: u64, event: WorkerEvent) -> RunEvent {
    RunEvent::Reported {
        part: 0,
        fence,
        sequence,
        event,
    }
}

fn cancel(cause: CancelCause) -> RunEvent {
    RunEvent::CancelRequested {
        cause,
        by: "somebody".into(),
        abandon: false,
    }
}

fn failure() -> Failure {
    Failure::new(FailureKind::Command, "make exited 2")
}

#[test]
fn a_run_goes_from_the_queue_to_its_end() {
    let mut run = run(false);
    run.apply(claim(5), at(3)).expect("nobody has it");
    assert_eq!(run.state, RunState::Running { since: at(3) });
    assert_eq!(run.stages[0].phases.queue_ms, 3_000);
    let started = WorkerEvent::StageStarted {
        stage: "checkout".into(),
        at: at(4),
        attempt: 1,
    };
    run.apply(report(5, 1, started), at(4)).expect("in order");
    let phases = Phases {
        run_ms: 7,
        ..Phases::default()
    };
    let done = WorkerEvent::StageSucceeded {
        stage: "checkout".into(),
        at: at(5),
        phases,
        output: None,
    };
    run.apply(report(5, 2, done), at(5)).expect("in order");
    assert_eq!(
        run.stages[0].state,
        StageState::Succeeded {
            since: at(4),
            at: at(5)
        }
    );
    assert_eq!(
        run.stages[0].phases.queue_ms, 3_000,
        "the server's figure survives the worker's report"
    );
    run.apply(report(5, 3, WorkerEvent::PartSucceeded), at(6))
        .expect("in order");
    assert_eq!(
        run.state,
        RunState::Ended {
            at: at(6),
            verdict: Verdict::Succeeded
        }
    );
}

#[test]
fn a_run_with_deploys_stays_open_for_the_server() {
    let mut run = run(true);
    run.apply(claim(5), at(1)).expect("nobody has it");
    run.apply(report(5, 1, WorkerEvent::PartSucceeded), at(2))
        .expect("in order");
    assert_eq!(run.state, RunState::Deploying { since: at(2) });
    assert_eq!(
        run.parts[0].state,
        PartState::Done,
        "the lease ends before the deployment"
    );
    run.apply(
        RunEvent::Deployed {
            verdict: Verdict::Succeeded,
        },
        at(3),
    )
    .expect("deploying");
    assert!(run.state.is_ended());
}

#[test]
fn sec_54_another_fence_changes_nothing() {
    let mut run = run(false);
    run.apply(claim(5), at(1)).expect("nobody has it");
    let before = run.clone();
    assert_eq!(
        run.apply(report(4, 1, WorkerEvent::PartSucceeded), at(2)),
        Err(ApplyError::StaleLease)
    );
    assert_eq!(run, before);
}

#[test]
fn sec_58_a_replayed_event_counts_once_and_a_gap_is_refused() {
    let mut run = run(false);
    run.apply(claim(5), at(1)).expect("nobody has it");
    let started = WorkerEvent::StageStarted {
        stage: "checkout".into(),
        at: at(2),
        attempt: 1,
    };
    assert_eq!(run.apply(report(5, 1, started.clone()), at(2)), Ok(Outcome::Changed));
    assert_eq!(run.apply(report(5, 1, started), at(3)), Ok(Outcome::Unchanged));
    let gap = run.apply(report(5, 3, WorkerEvent::PartSucceeded), at(4));
    assert_eq!(
        gap,
        Err(ApplyError::OutOfOrder {
            sequence: 3,
            expected: 2
        })
    );
}

#[test]
fn a_lost_worker_gives_the_run_back_three_times() {
    let mut run = run(false);
    for fence in 1..=3 {
        run.apply(claim(fence), at(1)).expect("it waits again");
        run.apply(RunEvent::LeaseLost { part: 0, fence }, at(2))
            .expect("the lease was held");
    }
    let RunState::Ended {
        verdict: Verdict::Failed { failure },
        ..
    } = &run.state
    else {
        panic!("three lost workers end the run, not {:?}", run.state);
    };
    assert_eq!(failure.kind, FailureKind::WorkerLost);
}

fn cell_died() -> WorkerEvent {
    WorkerEvent::PartFailed {
        failure: Failure::new(
            FailureKind::CellDied,
            "the run's cell died: its daemon ended by signal 9",
        ),
    }
}

#[test]
fn sec_32_a_run_whose_cell_died_is_tried_once_more() {
    let mut run = run(false);
    run.apply(claim(1), at(1)).expect("nobody has it");
    run.apply(report(1, 1, cell_died()), at(2)).expect("in order");
    assert_eq!(run.state, RunState::Queued { since: at(2) });
    let why = run.parts[0].retried_after.as_deref();
    assert!(why.is_some_and(|why| why.contains("signal 9")), "{why:?}");

    run.apply(claim(2), at(3)).expect("it waits again");
    run.apply(report(2, 1, cell_died()), at(4)).expect("in order");
    let RunState::Ended {
        verdict: Verdict::Failed { failure },
        ..
    } = &run.state
    else {
        panic!("a second death is the end, not {:?}", run.state);
    };
    assert_eq!(failure.kind, FailureKind::CellDied);
}

#[test]
fn sec_32_a_run_that_began_to_push_is_not_tried_again() {
    let mut run = run(false);
    run.stages[1].kind = "push".into();
    run.apply(claim(1), at(1)).expect("nobody has it");
    let pushes = WorkerEvent::StageStarted {
        stage: "build".into(),
        at: at(2),
        attempt: 1,
    };
    run.apply(report(1, 1, pushes), at(2)).expect("in order");
    run.apply(report(1, 2, cell_died()), at(3)).expect("in order");
    assert_eq!(run.state.word(), "failed");
}

#[test]
fn a_cell_that_died_under_a_cancelled_run_ends_it_as_cancelled() {
    let mut run = run(false);
    run.apply(claim(1), at(1)).expect("nobody has it");
    run.apply(cancel(CancelCause::Requested), at(2)).expect("it runs");
    run.apply(report(1, 1, cell_died()), at(3)).expect("in order");
    assert_eq!(run.state.word(), "cancelled");
}

#[test]
fn only_waiting_counts_against_the_wait_in_the_queue() {
    let mut run = run(false);
    let deadline = run.queue_deadline;
    assert_eq!(run.started_at(), None);
    run.apply(claim(1), at(10)).expect("claimed");
    assert_eq!(run.started_at(), Some(at(10)));
    run.apply(RunEvent::LeaseLost { part: 0, fence: 1 }, at(7_210))
        .expect("lost");
    assert_eq!(
        run.queue_deadline.duration_since(deadline).as_secs(),
        7_200,
        "two hours of work are no wait"
    );
}

#[test]
fn a_cancel_in_the_queue_is_the_end_and_a_cancel_under_way_waits_for_the_worker() {
    let mut queued = run(false);
    queued.apply(cancel(CancelCause::Requested), at(1)).expect("it waits");
    assert_eq!(queued.state.word(), "cancelled");

    let mut running = run(false);
    running.apply(claim(5), at(1)).expect("nobody has it");
    running.apply(cancel(CancelCause::Requested), at(2)).expect("it runs");
    assert_eq!(running.state.word(), "running");
    running
        .apply(report(5, 1, WorkerEvent::PartCancelled), at(3))
        .expect("in order");
    assert_eq!(running.state.word(), "cancelled");
}

#[test]
fn the_stronger_cause_of_a_cancel_wins() {
    let mut run = run(false);
    run.apply(claim(5), at(1)).expect("nobody has it");
    run.apply(cancel(CancelCause::RunTimeout), at(2)).expect("it runs");
    assert_eq!(
        run.apply(cancel(CancelCause::Superseded), at(3)),
        Ok(Outcome::Unchanged)
    );
    assert_eq!(run.cancel.expect("kept").cause, CancelCause::RunTimeout);
}

#[test]
fn a_failure_after_a_cancel_is_a_cancel() {
    let mut run = run(false);
    run.apply(claim(5), at(1)).expect("nobody has it");
    run.apply(cancel(CancelCause::Requested), at(2)).expect("it runs");
    run.apply(report(5, 1, WorkerEvent::PartFailed { failure: failure() }), at(3))
        .expect("in order");
    assert_eq!(run.state.word(), "cancelled");
}

fn events() -> impl Strategy<Value = RunEvent> {
    let stage = prop_oneof![
        Just("checkout".to_owned()),
        Just("build".to_owned()),
        Just("nothing".to_owned())
    ];
    let told = (stage, any::<bool>(), 0..7u8).prop_map(|(stage, again, kind)| match kind {
        0 => WorkerEvent::StageStarted {
            stage,
            at: at(1),
            attempt: 1,
        },
        1 => WorkerEvent::StageSucceeded {
            stage,
            at: at(2),
            phases: Phases::default(),
            output: None,
        },
        2 => WorkerEvent::StageFailed {
            stage,
            at: at(2),
            phases: Phases::default(),
            failure: failure(),
            again,
        },
        3 => WorkerEvent::PartSucceeded,
        4 => WorkerEvent::PartFailed { failure: failure() },
        5 => cell_died(),
        _ => WorkerEvent::PartCancelled,
    });
    prop_oneof![
        (1..4u64).prop_map(claim),
        (1..4u64, 1..4u64, told).prop_map(|(fence, sequence, event)| report(fence, sequence, event)),
        (1..4u64).prop_map(|fence| RunEvent::LeaseLost { part: 0, fence }),
        Just(RunEvent::QueueTimedOut),
        prop_oneof![
            Just(CancelCause::Superseded),
            Just(CancelCause::Requested),
            Just(CancelCause::RunTimeout)
        ]
        .prop_map(cancel),
        Just(RunEvent::Deployed {
            verdict: Verdict::Succeeded
        }),
    ]
}

proptest! {
    #[test]
    fn no_sequence_of_events_breaks_a_run(script in proptest::collection::vec(events(), 0..40), deploys: bool) {
        let mut run = run(deploys);
        for event in script {
            let before = run.clone();
            let result = run.apply(event, at(9));
            if before.state.is_ended() {
                assert_eq!(result, Err(ApplyError::Ended));
            }
            if result != Ok(Outcome::Changed) {
                assert_eq!(run, before, "only a change changes");
            }
            assert!(run.parts[0].attempt <= 3);
            if run.state.is_ended() {
                assert_eq!(&run.parts[0].state, &PartState::Done);
                assert!(run.stages.iter().all(|s| !matches!(s.state, StageState::Running { .. } | StageState::Waiting)));
            }
            let leased = matches!(run.parts[0].state, PartState::Leased { .. });
            assert_eq!(leased, run.parts[0].token_hash.is_some(), "a token lives as long as its lease");
        }
    }
}
