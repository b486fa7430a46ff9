//! The life of a deployment as decisions: what each look leads to, and what no sequence of events, crashes, silences and
//! foreign hands can do.

use circle_core::deployment::{
    ApplyError, Call, Decision, Deployment, DeploymentEvent, DeploymentState, Desired, MAX_NOTES, Observation, Reason,
    ReasonKind, Rollout, Seen, Snapshot, WorkloadState, deployment_id, lock_key, run_verdict,
};
use circle_core::environment::WorkloadCreate;
use circle_core::ids::{DeploymentId, EnvironmentId, RunId, ServiceId, TargetId, WorkspaceId};
use circle_core::names::Slug;
use circle_core::plan::Verify;
use circle_core::run::{Cancel, CancelCause, Verdict};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use uuid::Uuid;

const FENCE: u64 = 5;
const OLD: &str = "sha256:old";
const NEW: &str = "sha256:new";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).expect("a time in range")
}

fn waiting() -> Deployment {
    let (run, environment) = (
        RunId::from_uuid(Uuid::from_u128(1)),
        EnvironmentId::from_uuid(Uuid::from_u128(2)),
    );
    let target = TargetId::from_uuid(Uuid::from_u128(3));
    Deployment {
        id: deployment_id(run, environment, "default"),
        workspace: WorkspaceId::from_uuid(Uuid::from_u128(4)),
        run,
        run_number: 7,
        service: ServiceId::from_uuid(Uuid::from_u128(5)),
        service_name: Slug::new("shop").expect("a name"),
        environment,
        environment_name: Slug::new("production").expect("a name"),
        target,
        workload: "shop".into(),
        lock: lock_key(target, "shop"),
        desired: Desired {
            repository: "registry/shop".into(),
            digest: NEW.into(),
        },
        create: None,
        needs: Vec::new(),
        verify: None,
        bound_url: None,
        url: None,
        deadline_s: 60,
        stabilise_s: 5,
        state: DeploymentState::Waiting { since: at(0) },
        before: None,
        previous: None,
        fence: 0,
        trouble: None,
        notes: Vec::new(),
        created_at: at(0),
        updated_at: at(0),
    }
}

fn locked() -> Deployment {
    let mut deployment = waiting();
    take(&mut deployment, DeploymentEvent::NeedsMet);
    take(&mut deployment, DeploymentEvent::Locked { fence: FENCE });
    deployment
}

fn take(deployment: &mut Deployment, event: DeploymentEvent) {
    deployment.apply(event, FENCE, at(1)).expect("it fits");
}

fn snapshot(digest: &str, token: u64) -> Snapshot {
    Snapshot {
        image: format!("registry/shop@{digest}"),
        digest: Some(digest.into()),
        token: token.to_string(),
        spec_hash: format!("hash of {digest}"),
        sealed_spec: "sealed".into(),
    }
}

fn seen(digest: &str, mark: Option<DeploymentId>, rollout: Rollout) -> Observation {
    Observation::Present(Seen {
        snapshot: snapshot(digest, 1),
        mark: mark.map(|id| id.to_string()),
        rollout,
    })
}

fn healthy() -> Rollout {
    Rollout::Healthy { ready: 1, desired: 1 }
}

fn progressing() -> Rollout {
    Rollout::Progressing {
        ready: 0,
        desired: 1,
        note: "0 of 1 run".into(),
    }
}

fn failed() -> Rollout {
    Rollout::Failed {
        why: "unhealthy container".into(),
    }
}

fn watching() -> Deployment {
    let mut deployment = locked();
    let old = snapshot(OLD, 1);
    take(
        &mut deployment,
        DeploymentEvent::Intended {
            before: Some(old.clone()),
            previous: Some(old),
        },
    );
    take(&mut deployment, DeploymentEvent::Applied);
    deployment
}

fn word(decision: &Decision) -> String {
    match decision {
        Decision::Take(event) => format!("{event:?}")
            .split([' ', '{'])
            .next()
            .unwrap_or_default()
            .to_owned(),
        Decision::Call(call) => format!("call {call:?}")
            .split(['{', '('])
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned(),
        Decision::Wait { .. } => "wait".into(),
    }
}

#[test]
fn a_deployment_s_id_is_computed() {
    let (run, environment) = (
        RunId::from_uuid(Uuid::from_u128(1)),
        EnvironmentId::from_uuid(Uuid::from_u128(2)),
    );
    assert_eq!(
        deployment_id(run, environment, "default"),
        deployment_id(run, environment, "default")
    );
    assert_ne!(
        deployment_id(run, environment, "default"),
        deployment_id(run, environment, "other")
    );
    let other = RunId::from_uuid(Uuid::from_u128(9));
    assert_ne!(
        deployment_id(run, environment, "default"),
        deployment_id(other, environment, "default")
    );
}

#[test]
fn the_first_look_decides_between_nothing_an_intent_and_a_refusal() {
    let creating = {
        let mut deployment = locked();
        let create = WorkloadCreate {
            port: None,
            replicas: 1,
            env: Default::default(),
            health: None,
        };
        deployment.create = Some(create);
        deployment
    };
    let cases = [
        (locked(), seen(NEW, None, healthy()), "FoundServing"),
        (locked(), seen(NEW, None, failed()), "Intended"),
        (locked(), seen(OLD, None, healthy()), "Intended"),
        (locked(), Observation::Absent, "Refused"),
        (creating, Observation::Absent, "Intended"),
        (
            locked(),
            Observation::Unreachable { why: "no route".into() },
            "Unreachable",
        ),
    ];
    for (deployment, observation, wanted) in cases {
        assert_eq!(
            word(&deployment.decide(&observation, None, at(2))),
            wanted,
            "{observation:?}"
        );
    }
}

#[test]
fn the_way_back_is_what_serves_else_what_is_recorded() {
    let recorded = snapshot("sha256:recorded", 9);
    let back = |rollout| match locked().decide(&seen(OLD, None, rollout), Some(&recorded), at(2)) {
        Decision::Take(DeploymentEvent::Intended { previous, .. }) => previous.expect("a way back").digest,
        other => panic!("{other:?}"),
    };
    assert_eq!(back(healthy()).as_deref(), Some(OLD));
    assert_eq!(back(failed()).as_deref(), Some("sha256:recorded"));
    let none = locked().decide(&seen(OLD, None, failed()), None, at(2));
    assert!(
        matches!(none, Decision::Take(DeploymentEvent::Intended { previous: None, .. })),
        "{none:?}"
    );
}

#[test]
fn with_an_intent_the_look_says_whether_it_was_heard() {
    let mut deployment = locked();
    let old = snapshot(OLD, 1);
    take(
        &mut deployment,
        DeploymentEvent::Intended {
            before: Some(old.clone()),
            previous: Some(old),
        },
    );
    let ours = Some(deployment.id);
    let stranger = Some(DeploymentId::from_uuid(Uuid::from_u128(99)));
    let cases = [
        (seen(NEW, ours, progressing()), "Applied"),
        (seen(OLD, None, healthy()), "call Apply"),
        (seen("sha256:third", None, healthy()), "Drifted"),
        (seen(NEW, stranger, healthy()), "Drifted"),
        (Observation::Absent, "Drifted"),
    ];
    for (observation, wanted) in cases {
        assert_eq!(
            word(&deployment.decide(&observation, None, at(2))),
            wanted,
            "{observation:?}"
        );
    }
}

#[test]
fn a_rollout_ends_by_health_that_lasts_by_failure_or_by_its_deadline() {
    let mut deployment = watching();
    let ours = Some(deployment.id);
    let look = |deployment: &Deployment, rollout, second| {
        word(&deployment.decide(&seen(NEW, ours, rollout), None, at(second)))
    };
    assert_eq!(look(&deployment, failed(), 2), "Failed");
    assert_eq!(
        look(&deployment, progressing(), 61),
        "Failed",
        "the deadline is 60 s after the write"
    );
    assert_eq!(look(&deployment, healthy(), 2), "Steady");
    take(&mut deployment, DeploymentEvent::Steady { ready: 1, desired: 1 });
    assert_eq!(look(&deployment, healthy(), 5), "wait");
    assert_eq!(look(&deployment, progressing(), 5), "Unsteady");
    assert_eq!(look(&deployment, healthy(), 6), "RolledOut", "healthy for five seconds");
    let foreign = deployment.decide(&seen("sha256:third", None, healthy()), None, at(6));
    assert_eq!(word(&foreign), "Drifted");
}

#[test]
fn a_check_from_outside_is_repeated_until_its_deadline() {
    let mut deployment = watching();
    deployment.verify = Some(Verify {
        http: "/".into(),
        within_s: 10,
    });
    take(&mut deployment, DeploymentEvent::RolledOut);
    assert_eq!(word(&deployment.decide_verified(Err("503".into()), at(5))), "wait");
    assert_eq!(word(&deployment.decide_verified(Ok(()), at(5))), "Verified");
    assert_eq!(word(&deployment.decide_verified(Err("503".into()), at(11))), "Failed");
}

#[test]
fn a_silent_target_is_waited_for_and_its_silence_moves_the_deadline() {
    let mut deployment = watching();
    let silent = Observation::Unreachable { why: "no route".into() };
    for second in [10, 40] {
        let Decision::Take(event) = deployment.decide(&silent, None, at(second)) else {
            panic!("silence is noted")
        };
        deployment.apply(event, FENCE, at(second)).expect("it fits");
    }
    let again = seen(NEW, Some(deployment.id), progressing());
    assert_eq!(word(&deployment.decide(&again, None, at(70))), "Reached");
    deployment
        .apply(DeploymentEvent::Reached, FENCE, at(70))
        .expect("it fits");
    assert_ne!(
        word(&deployment.decide(&again, None, at(100))),
        "Failed",
        "a minute of silence does not count"
    );
    assert_eq!(word(&deployment.decide(&again, None, at(200))), "Failed");

    let mut given_up = watching();
    given_up
        .apply(DeploymentEvent::Unreachable { why: "no route".into() }, FENCE, at(10))
        .expect("it fits");
    assert_eq!(
        word(&given_up.decide(&silent, None, at(10 + Deployment::GIVE_UP_S))),
        "GivenUp"
    );
}

#[test]
fn the_lock_s_number_guards_every_change() {
    let mut deployment = watching();
    assert_eq!(
        deployment.apply(DeploymentEvent::RolledOut, FENCE - 1, at(3)),
        Err(ApplyError::StaleFence { fence: FENCE - 1 })
    );
    // A newer holder, after a crash: the older one is refused from then on.
    deployment
        .apply(DeploymentEvent::Locked { fence: FENCE + 1 }, FENCE + 1, at(3))
        .expect("newer");
    assert_eq!(
        deployment.apply(DeploymentEvent::RolledOut, FENCE, at(3)),
        Err(ApplyError::StaleFence { fence: FENCE })
    );
    let older = deployment.apply(DeploymentEvent::Locked { fence: FENCE }, FENCE, at(3));
    assert_eq!(older, Err(ApplyError::StaleFence { fence: FENCE }));
    assert!(matches!(deployment.state, DeploymentState::Watching { .. }));
}

#[test]
fn a_wish_to_end_does_what_the_state_allows() {
    let cancelled = |mut deployment: Deployment, abandon| {
        let event = DeploymentEvent::CancelRequested {
            by: "anna".into(),
            abandon,
        };
        deployment.apply(event, 0, at(3)).expect("a wish needs no lock");
        deployment.state.word()
    };
    for abandon in [false, true] {
        assert_eq!(cancelled(waiting(), abandon), "cancelled");
        assert_eq!(cancelled(locked(), abandon), "cancelled");
    }
    assert_eq!(cancelled(watching(), false), "rolling_back");
    assert_eq!(cancelled(watching(), true), "abandoned");
    let mut back = watching();
    let reason = Reason::new(ReasonKind::Rollout, "bad");
    take(&mut back, DeploymentEvent::Failed { reason });
    assert_eq!(
        cancelled(back.clone(), false),
        "rolling_back",
        "on the way back there is nothing to go back to"
    );
    assert_eq!(cancelled(back, true), "abandoned");
}

#[test]
fn a_run_succeeds_when_all_did_and_says_what_did_not() {
    let ended = |state| Deployment { state, ..watching() };
    let good = ended(DeploymentState::Succeeded { at: at(9) });
    let reason = Reason::new(ReasonKind::Rollout, "unhealthy container");
    let back = ended(DeploymentState::RolledBack {
        at: at(9),
        reason,
        verified: true,
    });
    let off = ended(DeploymentState::Cancelled {
        at: at(9),
        why: "staging comes first".into(),
    });
    assert_eq!(run_verdict(&[good.clone(), watching()], None), None);
    assert_eq!(run_verdict(std::slice::from_ref(&good), None), Some(Verdict::Succeeded));
    let Some(Verdict::Failed { failure }) = run_verdict(&[off, back.clone(), good], None) else {
        panic!("it failed")
    };
    assert!(
        failure.message.contains("rolled back to sha256:old"),
        "{}",
        failure.message
    );
    let cancel = Cancel {
        cause: CancelCause::Requested,
        by: "anna".into(),
        at: at(3),
        abandon: false,
    };
    assert!(matches!(
        run_verdict(&[back], Some(&cancel)),
        Some(Verdict::Cancelled { .. })
    ));
}

#[test]
fn sec_69_a_version_that_was_rolled_back_is_remembered_until_it_serves() {
    let mut known = WorkloadState::new(&watching(), at(0));
    let reason = Reason::new(ReasonKind::Rollout, "unhealthy container");
    let back = Deployment {
        state: DeploymentState::RolledBack {
            at: at(9),
            reason,
            verified: true,
        },
        ..watching()
    };
    known.quarantine(&back, at(9));
    known.quarantine(&back, at(9));
    assert_eq!(known.quarantined.len(), 1, "twice is once");
    let wish = Reason::new(ReasonKind::Cancelled, "cancelled by anna");
    let other = RunId::from_uuid(Uuid::from_u128(77));
    let cancelled = Deployment {
        run: other,
        state: DeploymentState::RolledBack {
            at: at(9),
            reason: wish,
            verified: true,
        },
        ..watching()
    };
    known.quarantine(&cancelled, at(9));
    assert_eq!(known.quarantined.len(), 1, "a wish is no fault of the version");
    known.serves(&watching(), snapshot(NEW, 3), at(10));
    assert!(known.quarantined.is_empty());
    assert_eq!(known.good.as_ref().map(|good| good.image.digest.as_str()), Some(NEW));
}

/// What may happen between two steps of an engine.
#[derive(Debug, Clone)]
enum Move {
    /// The engine looks, decides and acts.
    Step,
    /// It acts, and dies before it can look again; a new one takes the lock.
    Crash,
    /// The target does not answer this look.
    Silent,
    /// So many seconds pass.
    Pass(i64),
    /// Somebody else writes something new.
    Foreign,
    /// Somebody cancels.
    Cancel { abandon: bool },
}

/// How the new version behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Good,
    Bad,
    Stuck,
}

/// A target that is exact: writes are conditional, marks are kept, versions do what they do.
struct World {
    digest: String,
    mark: Option<String>,
    token: u64,
    fate: Fate,
    applies: usize,
    reverts: usize,
    foreign: bool,
}

impl World {
    fn look(&self) -> Observation {
        let rollout = match (self.digest.as_str(), self.fate) {
            (NEW, Fate::Bad) => failed(),
            (NEW, Fate::Stuck) => progressing(),
            _ => healthy(),
        };
        Observation::Present(Seen {
            snapshot: snapshot(&self.digest, self.token),
            mark: self.mark.clone(),
            rollout,
        })
    }

    fn write(&mut self, call: &Call, deployment: &Deployment) {
        let (Call::Apply { token } | Call::Revert { token }) = call else {
            panic!("nothing is made here")
        };
        if *token != self.token.to_string() {
            return;
        }
        self.token += 1;
        if matches!(call, Call::Apply { .. }) {
            (self.digest, self.mark) = (NEW.into(), Some(deployment.id.to_string()));
            self.applies += 1;
        } else {
            let previous = deployment
                .previous
                .as_ref()
                .and_then(|previous| previous.digest.clone());
            (self.digest, self.mark) = (previous.expect("a recorded digest"), None);
            self.reverts += 1;
        }
    }
}

/// An engine over one document, as the real one: store, then act, then look.
struct Engine {
    deployment: Deployment,
    fence: u64,
    now: Timestamp,
    intents: usize,
}

impl Engine {
    fn store(&mut self, event: DeploymentEvent) {
        self.intents += usize::from(matches!(event, DeploymentEvent::Intended { .. }));
        self.deployment
            .apply(event, self.fence, self.now)
            .expect("a decision fits the document that it was made from");
    }

    fn step(&mut self, world: &mut World, observation: &Observation) {
        if self.deployment.state.is_ended() {
            return;
        }
        let verifying = matches!(self.deployment.state, DeploymentState::Verifying { .. });
        let back = serde_json::to_string(&self.deployment.state)
            .expect("a state")
            .contains("\"step\":\"verifying\"");
        let decision = if verifying || back {
            let answers = !matches!(world.fate, Fate::Stuck) || world.digest == OLD;
            self.deployment
                .decide_verified(if answers { Ok(()) } else { Err("503".into()) }, self.now)
        } else {
            self.deployment.decide(observation, None, self.now)
        };
        match decision {
            Decision::Take(event) => self.store(event),
            Decision::Call(call) => {
                let stored = matches!(
                    self.deployment.state,
                    DeploymentState::Intended { .. } | DeploymentState::RollingBack { .. }
                );
                assert!(
                    stored,
                    "a write without a stored intent: {call:?} in {}",
                    self.deployment.state.word()
                );
                world.write(&call, &self.deployment);
            }
            Decision::Wait { ms } => self.pass(i64::try_from(ms).expect("small")),
        }
    }

    fn pass(&mut self, ms: i64) {
        self.now = self.now.checked_add(SignedDuration::from_millis(ms)).expect("in range");
    }

    fn make(&mut self, world: &mut World, step: &Move) {
        match step {
            Move::Step => self.step(world, &world.look()),
            Move::Crash => {
                self.step(world, &world.look());
                self.fence += 1;
                if !self.deployment.state.is_ended() {
                    self.store(DeploymentEvent::Locked { fence: self.fence });
                }
            }
            Move::Silent => self.step(world, &Observation::Unreachable { why: "no route".into() }),
            Move::Pass(seconds) => self.pass(seconds * 1_000),
            Move::Foreign => {
                world.foreign = true;
                world.token += 1;
                (world.digest, world.mark) = (format!("sha256:foreign{}", world.token), None);
            }
            Move::Cancel { abandon } if !self.deployment.state.is_ended() => {
                self.store(DeploymentEvent::CancelRequested {
                    by: "anna".into(),
                    abandon: *abandon,
                });
            }
            Move::Cancel { .. } => {}
        }
    }
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        8 => Just(Move::Step),
        3 => Just(Move::Crash),
        2 => Just(Move::Silent),
        2 => (1..90_i64).prop_map(Move::Pass),
        1 => Just(Move::Foreign),
        1 => any::<bool>().prop_map(|abandon| Move::Cancel { abandon }),
    ];
    proptest::collection::vec(one, 0..40)
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![Just(Fate::Good), Just(Fate::Bad), Just(Fate::Stuck)]
}

proptest! {
    #[test]
    fn whatever_happens_it_ends_once_and_the_target_is_where_it_says(script in moves(), fate in fates(), verify in any::<bool>()) {
        let mut engine = Engine { deployment: locked(), fence: FENCE, now: at(1), intents: 0 };
        engine.deployment.verify = verify.then(|| Verify { http: "/".into(), within_s: 10 });
        let mut world =
            World { digest: OLD.into(), mark: None, token: 1, fate, applies: 0, reverts: 0, foreign: false };
        for step in &script {
            engine.make(&mut world, step);
            assert!(engine.deployment.notes.len() <= MAX_NOTES);
        }
        // Left alone it comes to an end.
        for _ in 0..2_000 {
            engine.make(&mut world, &Move::Step);
        }
        let state = &engine.deployment.state;
        assert!(state.is_ended(), "{fate:?}: {state:?}");
        assert!(world.applies <= 1 && world.reverts <= 1 && engine.intents <= 1, "{} {} {}", world.applies, world.reverts, engine.intents);
        if !world.foreign {
            match state {
                DeploymentState::Succeeded { .. } => assert_eq!(world.digest, NEW),
                DeploymentState::RolledBack { .. } => assert_eq!(world.digest, OLD),
                DeploymentState::Cancelled { .. } => assert_eq!(world.applies, 0),
                DeploymentState::Abandoned { .. } => {}
                other => panic!("{fate:?} ends as {other:?}"),
            }
        }
        let ended = engine.deployment.clone();
        for event in [DeploymentEvent::Applied, DeploymentEvent::Locked { fence: 99 }, DeploymentEvent::CancelRequested { by: "x".into(), abandon: true }] {
            assert_eq!(engine.deployment.apply(event, engine.fence, engine.now), Err(ApplyError::Ended));
        }
        assert_eq!(engine.deployment, ended);
        assert!(ended.previous.is_none_or(|previous| previous.sealed_spec.is_empty()), "specifications are not kept for ever");
    }
}
