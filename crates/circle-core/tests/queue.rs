//! The line of waiting runs: against a slow model that states the rule, and against what it promises.

mod queue_model;

use std::collections::{HashMap, HashSet};

use circle_core::ids::{RunId, ServiceId, WorkspaceId};
use circle_core::plan::Concurrency;
use circle_core::queue::{HEAD_START_MS, Line, Priority, Standing, Ticket, Wait};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, proptest};
use proptest::{prop_assert, prop_assert_eq};
use queue_model::Model;
use uuid::Uuid;

/// One minute, in milliseconds.
const MINUTE: i64 = 60_000;

fn workspace(number: u128) -> WorkspaceId {
    WorkspaceId::from_uuid(Uuid::from_u128(number))
}

fn service(number: u128) -> ServiceId {
    ServiceId::from_uuid(Uuid::from_u128(number))
}

fn run(number: u64) -> RunId {
    RunId::from_uuid(Uuid::from_u128(u128::from(number)))
}

/// Services are numbered through: three in each workspace.
fn ticket(number: u64, of_service: u128, git_ref: &str) -> Ticket {
    Ticket {
        run: run(number),
        workspace: workspace(of_service / 3),
        service: service(of_service),
        git_ref: git_ref.into(),
        number,
        priority: Priority::Normal,
        created_ms: i64::try_from(number).expect("small"),
        concurrency: Concurrency::Parallel,
    }
}

fn next(line: &Line) -> Option<RunId> {
    line.next(None, |_| true)
}

/// What can happen to the line.
#[derive(Debug, Clone)]
enum Step {
    Come {
        service: u128,
        git_ref: u8,
        priority: Priority,
        concurrency: Concurrency,
        minutes: i64,
    },
    Start,
    End(usize),
    LimitService(u128, usize, usize),
    LimitWorkspace(u128, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let numbers = (0..12_u8, 0..6_u128, 0..3_u8, any::<usize>(), 1..4_usize, 0..180_i64);
    numbers.prop_map(|(kind, service, git_ref, which, most, minutes)| match kind {
        0..5 => Step::Come {
            service,
            git_ref,
            priority: Priority::ALL[which % 3],
            concurrency: [Concurrency::Queue, Concurrency::Parallel, Concurrency::CancelRunning][which / 3 % 3],
            minutes,
        },
        5..8 => Step::Start,
        8..10 => Step::End(which),
        10 => Step::LimitService(service, most, if which % 2 == 0 { most } else { usize::MAX }),
        _ => Step::LimitWorkspace(service / 3, most),
    })
}

/// The line and the model side by side.
#[derive(Debug, Default)]
struct World {
    line: Line,
    model: Model,
    came: u64,
}

impl World {
    fn take(&mut self, step: Step) {
        match step {
            Step::Come {
                service,
                git_ref,
                priority,
                concurrency,
                minutes,
            } => {
                self.came += 1;
                let mut new = ticket(self.came, service, &format!("refs/heads/{git_ref}"));
                (new.priority, new.concurrency) = (priority, concurrency);
                // Not always in the order of their numbers: clocks jump, and servers write side by side.
                new.created_ms = minutes * MINUTE;
                self.model.come(new.clone());
                self.line.put(new, Standing::Waiting);
            }
            Step::Start => {
                if let Some(run) = next(&self.line) {
                    self.start(run);
                }
            }
            Step::End(which) => {
                let active = self.model.active();
                if let Some(run) = active.get(which % active.len().max(1)) {
                    self.end(*run);
                }
            }
            Step::LimitService(of, most, a_ref) => {
                self.model.services.insert(service(of), (most, a_ref));
                self.line.limit_service(workspace(of / 3), service(of), most, a_ref);
            }
            Step::LimitWorkspace(of, most) => {
                self.model.workspaces.insert(workspace(of), most);
                self.line.limit_workspace(workspace(of), most);
            }
        }
    }

    fn start(&mut self, run: RunId) {
        self.line.start(run);
        self.model.start(run);
    }

    fn end(&mut self, run: RunId) {
        self.line.take(run);
        self.model.end(run);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_indexed_line_does_what_the_rule_says(steps in vec(step(), 1..120)) {
        let mut world = World::default();
        for step in steps {
            world.take(step);
            prop_assert_eq!(next(&world.line), world.model.next());
        }
        // Everything that waits gets its turn, once, when what runs ends.
        let mut started = HashSet::new();
        let waiting = world.model.waiting();
        loop {
            while let Some(run) = next(&world.line) {
                prop_assert_eq!(Some(run), world.model.next());
                prop_assert!(started.insert(run), "{} went twice", run);
                world.start(run);
            }
            let Some(first) = world.model.active().first().copied() else { break };
            world.end(first);
        }
        prop_assert_eq!(started, waiting.into_iter().collect::<HashSet<_>>());
        prop_assert_eq!(next(&world.line), None);
    }

    #[test]
    fn no_limit_is_ever_passed_and_refs_keep_their_order(steps in vec(step(), 1..200)) {
        let mut world = World::default();
        for step in steps {
            let starts = if matches!(step, Step::Start) { next(&world.line) } else { None };
            if let Some(run) = starts {
                // Limits may have been lowered beneath what runs already: then nothing new starts.
                prop_assert!(world.model.has_room(run), "{} passes a limit", run);
                prop_assert!(world.model.keeps_order(run), "{} overtakes its ref", run);
            }
            world.take(step);
        }
    }

    #[test]
    fn what_is_said_is_what_happens(steps in vec(step(), 1..120)) {
        let mut world = World::default();
        for step in steps {
            world.take(step);
        }
        let before = world.line.clone();
        for run in world.model.waiting() {
            let wait = world.line.why(run).expect("it waits");
            prop_assert!(world.line == before, "asking changed the line");
            holds(&world, run, &wait)?;
        }
        for run in world.model.active() {
            prop_assert_eq!(world.line.why(run), None);
        }
    }

    #[test]
    fn nobody_starves(arrivals in vec((0..6_u128, 0..3_u8, any::<u8>()), 1..250), cells in 1..4_usize) {
        let longest = run_all(&arrivals, cells);
        prop_assert!(longest.is_ok(), "{}", longest.unwrap_err());
    }
}

/// Checks a sentence by letting happen what it speaks of.
fn holds(world: &World, run: RunId, wait: &Wait) -> Result<(), proptest::test_runner::TestCaseError> {
    let mut line = world.line.clone();
    match wait {
        Wait::Turn { ahead } => {
            for before in ahead {
                prop_assert_eq!(next(&line), Some(*before));
                line.start(*before);
            }
            prop_assert_eq!(next(&line), Some(run));
        }
        Wait::Workspace { most, ahead } => {
            let own = world.model.ticket(run).workspace;
            prop_assert!(world.model.active_of(own) + ahead.len() >= *most);
            line.limit_workspace(own, usize::MAX);
            for before in ahead {
                prop_assert_eq!(line.next(Some(own), |_| true), Some(*before));
                line.start(*before);
            }
        }
        Wait::Older { number, .. } => {
            // As long as the older one is there, it does not go, whoever else ends.
            let older = world.model.by_number(run, *number).expect("the older run");
            while let Some(going) = next(&line) {
                prop_assert!(going != run, "{} went before run {}", run, number);
                line.start(going);
                if going != older {
                    line.take(going);
                }
            }
        }
        Wait::Ref { .. } | Wait::Service { .. } => {
            // Of its service only those that are said to be ahead go before it.
            let own = world.model.ticket(run);
            let mut active = world.model.active();
            loop {
                let Some(going) = next(&line) else {
                    let Some(ended) = active.pop() else { break };
                    line.take(ended);
                    continue;
                };
                if going == run {
                    return Ok(());
                }
                let other = world.model.ticket(going);
                let counts = other.service == own.service
                    && (other.git_ref == own.git_ref || matches!(wait, Wait::Service { .. }))
                    && world.model.limit_a_ref(own.service) == usize::MAX;
                prop_assert!(
                    !counts || wait.ahead().contains(&going),
                    "{} went before {}",
                    going,
                    run
                );
                line.start(going);
                active.push(going);
            }
            prop_assert!(false, "{} never went", run);
        }
    }
    Ok(())
}

/// Most steps that a run takes.
const LONGEST: u64 = 3;
/// Workspaces, services of one, runs that come in one step.
const WORKSPACES: u64 = 2;
const SERVICES: u64 = 3;
const A_STEP: usize = 2;

/// Lets everything come and go, ten minutes a step, and says who waited longer than is right.
fn run_all(arrivals: &[(u128, u8, u8)], cells: usize) -> Result<(), String> {
    let mut line = Line::default();
    let (mut came, mut active) = (HashMap::new(), Vec::new());
    let mut number = 0;
    let mut now = 0;
    let mut left = arrivals.chunks(A_STEP);
    loop {
        active.retain(|(run, until)| {
            if *until <= now {
                line.take(*run);
            }
            *until > now
        });
        for (of_service, git_ref, other) in left.next().unwrap_or_default() {
            number += 1;
            let mut new = ticket(number, *of_service, &format!("r{git_ref}"));
            new.priority = Priority::ALL[usize::from(*other) % 3];
            new.concurrency = [Concurrency::Queue, Concurrency::Parallel][usize::from(*other) / 3 % 2];
            new.created_ms = i64::try_from(now).expect("small") * 10 * MINUTE;
            came.insert(new.run, (now, new.service, u64::from(*other) % LONGEST + 1));
            line.put(new, Standing::Waiting);
        }
        while active.len() < cells
            && let Some(going) = next(&line)
        {
            let (since, own, takes) = came[&going];
            // A service's turn comes when all that run have ended and the others have had theirs; before a run go the
            // others of its service, and what comes within two head starts.
            let turn = LONGEST + SERVICES * (LONGEST * (WORKSPACES + 1) + 1);
            let soon = since + 2 * u64::try_from(HEAD_START_MS / (10 * MINUTE)).expect("positive") + 1;
            let before = came.values().filter(|(at, of, _)| *at <= soon && *of == own).count() as u64;
            let urgent = came
                .values()
                .filter(|(at, ..)| *at <= soon && *at + 13 >= since)
                .count() as u64;
            if now - since > (before + urgent + 1) * turn {
                return Err(format!("{going} waited from {since} to {now} with {before} before it"));
            }
            line.start(going);
            active.push((going, now + takes));
        }
        now += 1;
        if active.is_empty() && next(&line).is_none() && left.len() == 0 {
            return Ok(());
        }
    }
}

#[test]
fn workspaces_share_however_many_runs_one_has() {
    let mut line = Line::default();
    for number in 0..100 {
        line.put(ticket(number, 0, &format!("b{number}")), Standing::Waiting);
    }
    line.put(ticket(1000, 3, "main"), Standing::Waiting);
    let first = next(&line).expect("a run");
    line.start(first);
    assert_eq!(next(&line), Some(run(1000)), "the other workspace has nothing yet");
}

#[test]
fn whoever_comes_anew_lines_up_behind_those_who_wait() {
    let mut line = Line::default();
    for number in 0..20 {
        line.put(ticket(number, 0, &format!("b{number}")), Standing::Waiting);
    }
    // One cell; two other workspaces come again and again, each as soon as its run has ended.
    let mut turns = Vec::new();
    for number in 100..112 {
        let of = if number % 2 == 0 { 3 } else { 6 };
        line.put(ticket(number, of, "main"), Standing::Waiting);
        let going = next(&line).expect("a run");
        line.start(going);
        line.take(going);
        turns.push(going);
    }
    let own = turns.iter().filter(|going| **going < run(100)).count();
    assert!(own >= 4, "the patient one had {own} of 12 turns: {turns:?}");
}

#[test]
fn a_priority_is_a_head_start_of_an_hour() {
    let mut line = Line::default();
    let mut old = ticket(1, 0, "main");
    old.created_ms = 0;
    let mut urgent = ticket(2, 1, "main");
    urgent.priority = Priority::High;
    for (minutes, expected) in [(59, 2), (61, 1)] {
        urgent.created_ms = minutes * MINUTE;
        line.put(old.clone(), Standing::Waiting);
        line.put(urgent.clone(), Standing::Waiting);
        assert_eq!(next(&line), Some(run(expected)), "after {minutes} minutes");
    }
    // Another workspace loses nothing by it.
    urgent.created_ms = 0;
    line.put(urgent.clone(), Standing::Waiting);
    line.put(ticket(3, 3, "main"), Standing::Waiting);
    line.start(run(2));
    assert_eq!(next(&line), Some(run(3)));
}

#[test]
fn a_worker_of_one_workspace_gets_its_runs_only() {
    let mut line = Line::default();
    line.put(ticket(1, 0, "main"), Standing::Waiting);
    line.put(ticket(2, 3, "main"), Standing::Waiting);
    assert_eq!(line.next(Some(workspace(1)), |_| true), Some(run(2)));
    assert_eq!(line.next(Some(workspace(7)), |_| true), None);
    assert_eq!(line.next(None, |ticket| ticket.workspace == workspace(1)), Some(run(2)));
}

#[test]
fn what_is_held_neither_goes_nor_takes_a_share() {
    let mut line = Line::default();
    line.limit_workspace(workspace(0), 1);
    line.put(ticket(1, 0, "main"), Standing::Held);
    line.put(ticket(2, 0, "side"), Standing::Waiting);
    assert_eq!(next(&line), Some(run(2)));
    assert_eq!(line.why(run(1)), None);
}
