//! Which trigger may reach which environment: the server's rule, whatever a pipeline file says.

use std::collections::BTreeMap;

use circle_core::environment::{Environment, Refusal, Workload};
use circle_core::ids::{EnvironmentId, ServiceId, TargetId, WorkspaceId};
use circle_core::names::{BranchName, GitRef, Slug, TagName};
use circle_core::trigger::{Event, Trigger, Trust};
use jiff::Timestamp;
use uuid::Uuid;

fn service() -> ServiceId {
    ServiceId::from_uuid(Uuid::from_u128(3))
}

fn environment(protected: &[&str]) -> Environment {
    let workload = serde_json::from_str::<Workload>(r#"{"name": "shop", "url": null}"#).expect("a workload");
    Environment {
        id: EnvironmentId::from_uuid(Uuid::from_u128(1)),
        workspace: WorkspaceId::from_uuid(Uuid::from_u128(2)),
        name: Slug::new("production").expect("a name"),
        target: TargetId::from_uuid(Uuid::from_u128(4)),
        protected_refs: protected.iter().map(|&glob| glob.to_owned()).collect(),
        workloads: BTreeMap::from([(service(), workload)]),
        deadline_s: 60,
        stabilise_s: 1,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

fn trigger(event: Event, git_ref: GitRef, trust: Trust) -> Trigger {
    Trigger {
        event,
        git_ref,
        commit: None,
        commit_time: None,
        title: None,
        actor: "hook".into(),
        trust,
        key: "k".into(),
        changed_paths: None,
        inputs: Default::default(),
    }
}

fn push(branch: &str) -> Trigger {
    let branch = BranchName::new(branch).expect("a branch");
    trigger(Event::Push { branch: branch.clone() }, branch.full(), Trust::Member)
}

#[test]
fn sec_71_only_protected_refs_reach_an_environment() {
    let production = environment(&["refs/heads/main", "refs/tags/v*"]);
    production.admits(&push("main"), service()).expect("a protected branch");
    let tag = TagName::new("v1.2").expect("a tag");
    let tagged = trigger(Event::Tag { tag: tag.clone() }, tag.full(), Trust::Member);
    production.admits(&tagged, service()).expect("a protected tag");
    for scratch in ["scratch", "main2", "x/main", "v1"] {
        let refusal = production.admits(&push(scratch), service()).expect_err(scratch);
        assert!(matches!(refusal, Refusal::NotProtected { .. }), "{refusal}");
    }
}

#[test]
fn an_environment_without_protected_refs_takes_nothing() {
    let refusal = environment(&[])
        .admits(&push("main"), service())
        .expect_err("nothing is protected");
    assert!(
        refusal.to_string().ends_with("its protected refs are none"),
        "{refusal}"
    );
}

#[test]
fn strangers_and_pull_requests_never_deploy() {
    let everything = environment(&["refs/**"]);
    let into = BranchName::new("main").expect("a branch");
    let stranger = Trigger {
        trust: Trust::Stranger,
        ..push("main")
    };
    assert_eq!(everything.admits(&stranger, service()), Err(Refusal::Stranger));
    let pull = trigger(
        Event::PullRequest {
            number: 1,
            into: into.clone(),
            base: None,
            fork: false,
            people: Vec::new(),
            approved_by: None,
            approver: None,
        },
        into.full(),
        Trust::Member,
    );
    assert_eq!(everything.admits(&pull, service()), Err(Refusal::PullRequest));
}

#[test]
fn a_service_without_a_workload_is_told_so() {
    let other = ServiceId::from_uuid(Uuid::from_u128(99));
    let refusal = environment(&["refs/heads/main"])
        .admits(&push("main"), other)
        .expect_err("not bound");
    assert!(refusal.to_string().contains("circle environment bind"), "{refusal}");
}
