//! Plans and assignments, written short.

use std::collections::BTreeMap;

use circle_api::worker::{Assignment, RunFacts, SecretValue, StepSecrets};
use circle_core::ids::RunId;
use circle_core::names::BranchName;
use circle_core::plan::{
    Concurrency, Container, ContainerJob, ImageBuild, ImagePush, Output, Plan, PreBuild, Ready, Retry, RetryWhen,
    Shell, Sidecar, Stage, Work,
};
use circle_core::run::LogBounds;
use circle_core::trigger::{Event, Trigger, Trust};
use uuid::Uuid;

pub(crate) fn stage(name: &str, work: Work) -> Stage {
    Stage {
        name: name.into(),
        work,
        timeout_s: 120,
        retry: Retry {
            max: 1,
            when: RetryWhen::Infrastructure,
        },
    }
}

pub(crate) fn checkout() -> Stage {
    stage("checkout", Work::Checkout { submodules: false })
}

pub(crate) fn container(image: &str) -> Container {
    Container {
        image: image.into(),
        ..Container::default()
    }
}

pub(crate) fn job(commands: &[&str]) -> ContainerJob {
    let commands = commands.iter().map(|command| (*command).to_owned()).collect();
    ContainerJob {
        container: container("busybox:test"),
        commands,
        finally: vec![],
        shell: Shell::Sh,
        secrets: vec![],
        secret_files: BTreeMap::new(),
        docker: false,
    }
}

/// A busybox service that runs a command.
pub(crate) fn sidecar(name: &str, command: &str, ready: Ready) -> Sidecar {
    let command = ["sh", "-c", command].map(str::to_owned).to_vec();
    let container = Container {
        command: Some(command),
        ..container("busybox:test")
    };
    Sidecar {
        name: name.into(),
        container,
        ready,
        ready_timeout_s: 30,
        secrets: vec![],
        secret_files: BTreeMap::new(),
    }
}

pub(crate) fn integration(sidecars: Vec<Sidecar>, job: ContainerJob) -> Stage {
    stage(
        "integration",
        Work::Integration {
            sidecars,
            job: Box::new(job),
        },
    )
}

pub(crate) fn output(from: &str, to: &str) -> Output {
    Output {
        from: from.into(),
        to: to.into(),
    }
}

pub(crate) fn pre_build(job: ContainerJob, outputs: Vec<Output>) -> Stage {
    stage(
        "pre_build",
        Work::PreBuild {
            how: PreBuild::Container { job: Box::new(job) },
            outputs,
        },
    )
}

pub(crate) fn build() -> ImageBuild {
    ImageBuild {
        name: "default".into(),
        context: ".".into(),
        dockerfile: "Dockerfile".into(),
        target: None,
        args: BTreeMap::new(),
        labels: BTreeMap::new(),
        secrets: vec![],
    }
}

pub(crate) fn push(tags: &[&str]) -> Stage {
    let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    stage(
        "push",
        Work::Push {
            images: vec![ImagePush {
                name: "default".into(),
                repository: None,
                tags,
            }],
        },
    )
}

pub(crate) fn post_build(job: ContainerJob) -> Stage {
    stage("post_build", Work::PostBuild { job: Box::new(job) })
}

pub(crate) fn assignment(url: &str, stages: Vec<Stage>) -> Assignment {
    let branch = BranchName::new("main").expect("a branch");
    let trigger = Trigger {
        event: Event::Push { branch: branch.clone() },
        git_ref: branch.full(),
        commit: None,
        commit_time: None,
        title: None,
        actor: "somebody".into(),
        trust: Trust::Member,
        key: "1".into(),
        changed_paths: None,
        inputs: Default::default(),
    };
    let run = RunId::from_uuid(Uuid::from_u128(1));
    let facts = RunFacts {
        run,
        number: 1,
        url: "http://localhost/runs/1".into(),
        workspace: "main".into(),
        service: "shop".into(),
        repository: url.into(),
        trigger,
    };
    let plan = Plan {
        stages,
        deploys: vec![],
        timeout_s: 600,
        silence_s: 60,
        concurrency: Concurrency::Queue,
        warnings: vec![],
    };
    Assignment {
        run,
        part: 0,
        attempt: 1,
        fence: 1,
        lease_ms: 30_000,
        run_token: SecretValue::new("token-of-this-run"),
        facts,
        plan,
        reused: BTreeMap::new(),
        images: vec![],
        clone_credential: None,
        secrets: StepSecrets::default(),
        registries: vec![],
        image_home: None,
        push_confinement: vec![],
        networks: vec![],
        log: LogBounds::default(),
        hold: false,
        roots: None,
    }
}
