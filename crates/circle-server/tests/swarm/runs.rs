//! Runs whose stages are done, and environments.

use std::collections::BTreeMap;

use circle_core::environment::{Environment, Workload, WorkloadCreate};
use circle_core::ids::{EnvironmentId, RunId, ServiceId, TargetId, WorkspaceId};
use circle_core::names::{BranchName, Slug};
use circle_core::plan::{Concurrency, DeployStep, Plan, Verify};
use circle_core::run::{BuiltImage, Run, RunState};
use circle_core::trigger::{Event, Trigger, Trust};
use jiff::Timestamp;
use uuid::Uuid;

pub(crate) fn workspace() -> WorkspaceId {
    WorkspaceId::from_uuid(Uuid::from_u128(1))
}

pub(crate) fn service() -> ServiceId {
    ServiceId::from_uuid(Uuid::from_u128(2))
}

/// `name` on the target, reached by `main`, with one workload of the same service.
pub(crate) fn environment(name: &str, target: TargetId, workload: &str, create: bool) -> Environment {
    let create = create.then(|| WorkloadCreate {
        port: Some(8080),
        replicas: 1,
        env: BTreeMap::new(),
        health: None,
    });
    let workload = Workload {
        name: workload.into(),
        url: None,
        create,
    };
    let number = name.bytes().fold(0_u128, |sum, byte| sum * 31 + u128::from(byte));
    Environment {
        id: EnvironmentId::from_uuid(Uuid::from_u128(number)),
        workspace: workspace(),
        name: Slug::new(name).expect("a name"),
        target,
        protected_refs: vec!["refs/heads/main".into()],
        workloads: BTreeMap::from([(service(), workload)]),
        deadline_s: 30,
        stabilise_s: 1,
        created_at: Timestamp::now(),
    }
}

/// A run on `main` that deploys this digest to `production`.
pub(crate) fn run(number: u64, repository: &str, digest: &str) -> Run {
    let branch = BranchName::new("main").expect("a branch");
    Run {
        id: RunId::from_uuid(Uuid::from_u128(1_000 + u128::from(number))),
        workspace: workspace(),
        service: service(),
        service_name: Slug::new("shop").expect("a name"),
        number,
        trigger: Trigger {
            event: Event::Push { branch: branch.clone() },
            git_ref: branch.full(),
            commit: None,
            commit_time: None,
            title: None,
            actor: "hook".into(),
            trust: Trust::Member,
            key: format!("push-{number}"),
            changed_paths: None,
            inputs: Default::default(),
        },
        priority: 0,
        state: RunState::Deploying {
            since: Timestamp::now(),
        },
        plan: Some(Plan {
            stages: Vec::new(),
            deploys: vec![step("production")],
            timeout_s: 600,
            silence_s: 60,
            concurrency: Concurrency::Parallel,
            warnings: Vec::new(),
        }),
        parts: Vec::new(),
        stages: Vec::new(),
        images: vec![BuiltImage {
            name: "default".into(),
            image_id: digest.into(),
            repository: Some(repository.into()),
            digest: Some(digest.into()),
            tags: Vec::new(),
            bytes: 0,
        }],
        deployments: Vec::new(),
        cancel: None,
        rerun: None,
        report: None,
        noticed: false,
        queue_deadline: Timestamp::now(),
        created_at: Timestamp::now(),
        updated_at: Timestamp::now(),
    }
}

/// Another ref than `main`.
pub(crate) fn on_branch(mut run: Run, branch: &str) -> Run {
    run.trigger.git_ref = BranchName::new(branch).expect("a branch").full();
    run
}

/// Other deploy steps.
pub(crate) fn with_steps(mut run: Run, steps: Vec<DeployStep>) -> Run {
    run.plan.as_mut().expect("a plan").deploys = steps;
    run
}

pub(crate) fn step(environment: &str) -> DeployStep {
    DeployStep {
        environment: environment.into(),
        image: "default".into(),
        needs: Vec::new(),
        verify: None,
    }
}

pub(crate) fn verified(environment: &str, path: &str) -> DeployStep {
    DeployStep {
        verify: Some(Verify {
            http: path.into(),
            within_s: 3,
        }),
        ..step(environment)
    }
}
