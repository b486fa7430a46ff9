//! Who begins from which root, and whose success renews one: a table of refs, trust and environments.

use std::collections::BTreeMap;

use circle_core::environment::{Environment, Workload};
use circle_core::ids::{EnvironmentId, RunId, ServiceId, TargetId, WorkspaceId};
use circle_core::plan::{Concurrency, Container, ContainerJob, Plan, Retry, RetryWhen, Shell, Stage, Work};
use circle_core::roots::{RootAccess, RootImage, RootNote};
use circle_core::run::{Rerun, Run, RunState};
use circle_core::service::Service;
use circle_core::trigger::{Event, Trigger, Trust};
use jiff::Timestamp;
use uuid::Uuid;

const SERVICE: ServiceId = ServiceId::from_uuid(Uuid::from_u128(1));

fn service() -> Service {
    serde_json::from_value(serde_json::json!({
        "id": SERVICE, "workspace": WorkspaceId::from_uuid(Uuid::from_u128(2)), "name": "shop",
        "repository": "https://git.example/shop", "pipeline_path": "caicloud.yml", "default_branch": "main",
        "image": null, "default_deploys": [], "queue_timeout_s": 7200, "max_parallel": 4,
        "created_at": "2026-01-02T03:04:05Z",
    }))
    .expect("a service")
}

fn environment(name: &str, refs: &[&str]) -> Environment {
    let workload = Workload {
        name: "shop".into(),
        url: None,
        create: None,
    };
    Environment {
        id: EnvironmentId::from_uuid(Uuid::from_u128(3)),
        workspace: WorkspaceId::from_uuid(Uuid::from_u128(2)),
        name: name.parse().expect("a name"),
        target: TargetId::from_uuid(Uuid::from_u128(4)),
        protected_refs: refs.iter().map(ToString::to_string).collect(),
        workloads: BTreeMap::from([(SERVICE, workload)]),
        deadline_s: 600,
        stabilise_s: 15,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

fn trigger(event: Event, git_ref: &str, trust: Trust) -> Trigger {
    Trigger {
        event,
        git_ref: git_ref.parse().expect("a ref"),
        commit: None,
        commit_time: None,
        title: None,
        actor: "alice".into(),
        trust,
        key: "k".into(),
        changed_paths: None,
        inputs: Default::default(),
    }
}

fn push(branch: &str) -> Trigger {
    let event = Event::Push {
        branch: branch.parse().expect("a branch"),
    };
    trigger(event, &format!("refs/heads/{branch}"), Trust::Member)
}

fn tag(name: &str) -> Trigger {
    let event = Event::Tag {
        tag: name.parse().expect("a tag"),
    };
    trigger(event, &format!("refs/tags/{name}"), Trust::Member)
}

fn pull_request(trust: Trust) -> Trigger {
    let into = "main".parse().expect("a branch");
    let event = Event::PullRequest {
        number: 7,
        into,
        base: None,
        fork: false,
        people: Vec::new(),
        approved_by: None,
        approver: None,
    };
    trigger(event, "refs/pull/7/head", trust)
}

fn run(trigger: Trigger, container: Container) -> Run {
    let job = ContainerJob {
        container,
        commands: vec!["true".into()],
        finally: Vec::new(),
        shell: Shell::Sh,
        secrets: Vec::new(),
        secret_files: Default::default(),
        docker: false,
    };
    let stage = Stage {
        name: "post_build".into(),
        work: Work::PostBuild { job: Box::new(job) },
        timeout_s: 60,
        retry: Retry {
            max: 1,
            when: RetryWhen::Infrastructure,
        },
    };
    let mut run: Run = serde_json::from_value(serde_json::json!({
        "id": RunId::from_uuid(Uuid::from_u128(5)), "workspace": WorkspaceId::from_uuid(Uuid::from_u128(2)),
        "service": SERVICE, "service_name": "shop", "number": 12, "trigger": trigger, "priority": 0,
        "state": RunState::Queued { since: Timestamp::UNIX_EPOCH }, "plan": null, "parts": [], "stages": [], "images": [],
        "deployments": [], "cancel": null, "rerun": null, "queue_deadline": "2026-01-02T03:04:05Z",
        "created_at": "2026-01-02T03:04:05Z", "updated_at": "2026-01-02T03:04:05Z",
    }))
    .expect("a run");
    run.plan = Some(Plan {
        stages: vec![stage],
        deploys: Vec::new(),
        timeout_s: 60,
        silence_s: 60,
        concurrency: Concurrency::Queue,
        warnings: Vec::new(),
    });
    run
}

fn access(trigger: Trigger, environments: &[Environment]) -> (Vec<String>, Option<String>) {
    let access = RootAccess::of(&run(trigger, Container::default()), &service(), environments);
    let reads = access.reads.iter().map(ToString::to_string).collect();
    (
        reads,
        access
            .renews
            .map(|renewal| format!("{} {}", renewal.git_ref, renewal.order)),
    )
}

fn refs(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn the_default_branch_renews_its_own_root_and_other_branches_read_it() {
    let main = "refs/heads/main";
    assert_eq!(access(push("main"), &[]), (refs(&[main]), Some(format!("{main} 12"))));
    assert_eq!(access(push("feature"), &[]), (refs(&[main]), None));
    assert_eq!(access(pull_request(Trust::Member), &[]), (refs(&[main]), None));
    assert_eq!(access(tag("v1"), &[]), (refs(&[main]), None));
}

#[test]
fn sec_60_warmth_flows_from_more_rights_to_fewer_and_never_back() {
    let production = environment("production", &["refs/heads/release"]);
    let only_release = [production];
    let release = (refs(&["refs/heads/release"]), Some("refs/heads/release 12".to_owned()));
    assert_eq!(
        access(push("release"), &only_release),
        release,
        "what main left never reaches production"
    );
    assert_eq!(access(push("main"), &only_release).0, refs(&["refs/heads/main"]));
    let both = [environment("production", &["refs/heads/main", "refs/tags/v*"])];
    assert_eq!(access(tag("v1"), &both).0, refs(&["refs/tags/v1", "refs/heads/main"]));
    assert_eq!(
        access(tag("v1"), &both).1,
        None,
        "a tag's root would never be read again"
    );
}

#[test]
fn sec_60_repetitions_privileged_runs_and_strangers_renew_nothing() {
    let mut repeated = run(push("main"), Container::default());
    repeated.rerun = Some(Rerun {
        of: RunId::from_uuid(Uuid::from_u128(9)),
        from_stage: None,
        hold: false,
    });
    assert_eq!(RootAccess::of(&repeated, &service(), &[]).renews, None);

    let container = Container {
        rights: serde_json::from_value(serde_json::json!({"privileged": true})).expect("rights"),
        ..Container::default()
    };
    assert_eq!(
        RootAccess::of(&run(push("main"), container), &service(), &[]).renews,
        None
    );

    let mut stranger = push("main");
    stranger.trust = Trust::Stranger;
    let access = RootAccess::of(&run(stranger, Container::default()), &service(), &[]);
    assert_eq!((access.renews, access.trust), (None, Trust::Stranger));
}

#[test]
fn sec_75_a_stranger_begins_from_nothing_private() {
    let stranger = RootAccess::of(
        &run(pull_request(Trust::Stranger), Container::default()),
        &service(),
        &[],
    );
    let member = RootAccess::of(&run(push("feature"), Container::default()), &service(), &[]);
    let public = RootNote {
        images: vec![image(false)],
        ..RootNote::default()
    };
    let built = RootNote {
        built: true,
        ..public.clone()
    };
    let cached = RootNote {
        caches: vec!["k".into()],
        ..public.clone()
    };
    let private = RootNote {
        images: vec![image(false), image(true)],
        ..RootNote::default()
    };
    assert!(stranger.may_begin_from(&public));
    for note in [built, cached, private] {
        assert!(!stranger.may_begin_from(&note), "a stranger sees {note:?}");
        assert!(member.may_begin_from(&note));
    }
    assert!(!stranger.keeps_caches() && !member.keeps_caches());
}

fn image(private: bool) -> RootImage {
    RootImage {
        name: "r.example/a:1".into(),
        id: "sha256:aa".into(),
        private,
        operators: false,
    }
}
