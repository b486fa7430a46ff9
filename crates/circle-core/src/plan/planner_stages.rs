//! From the syntax tree to the stages of a plan.

use std::collections::{BTreeMap, BTreeSet};

use super::planner_order::{Step, Wanted};
use super::planner_policy::Policy;
use super::{
    Container, ContainerJob, DeployStep, ImageBuild, ImagePush, Output, PreBuild, Ready, Retry, RetryWhen, Sidecar,
    Stage, Work,
};
use crate::pipeline::{
    ContainerSpec, DEFAULT_READY_TIMEOUT_S, DEFAULT_STAGE_TIMEOUT_S, DeployEntry, ImageSpec, Job, Limits, Pair,
    PipelineFile, PreBuildForm, SidecarEntry, Spanned,
};

/// One try, unless the file says otherwise.
const ONE_TRY: Retry = Retry {
    max: 1,
    when: RetryWhen::Infrastructure,
};
/// The tag of an image that names none.
const DEFAULT_TAG: &str = "${CIRCLE_VERSION}";

/// Fills in one stage.
pub(super) fn stage(file: &PipelineFile, step: &Step<'_>, wanted: &Wanted) -> Stage {
    let limits = match step {
        Step::Integration(job) | Step::PostBuild(job) => job.limits,
        Step::PreBuild => file
            .pre_build
            .as_ref()
            .map_or_else(Limits::default, |stage| stage.limits),
        Step::Build => file.build.as_ref().map_or_else(Limits::default, |stage| stage.limits),
        Step::Checkout | Step::Push => Limits::default(),
    };
    Stage {
        name: step.name(),
        work: work(file, step, wanted),
        timeout_s: limits.timeout_s.unwrap_or(DEFAULT_STAGE_TIMEOUT_S),
        retry: limits.retry.unwrap_or(ONE_TRY),
    }
}

fn work(file: &PipelineFile, step: &Step<'_>, wanted: &Wanted) -> Work {
    match step {
        Step::Checkout => Work::Checkout { submodules: true },
        Step::Integration(of) => Work::Integration {
            sidecars: file.sidecars().map(|one| sidecar(one, wanted)).collect(),
            job: Box::new(job(of, wanted)),
        },
        Step::PreBuild => pre_build(file, wanted),
        Step::Build => Work::Build {
            images: file.images().map(|image| image_build(image, wanted)).collect(),
        },
        Step::Push => Work::Push {
            images: file.images().map(|image| image_push(image, wanted)).collect(),
        },
        Step::PostBuild(of) => Work::PostBuild {
            job: Box::new(job(of, wanted)),
        },
    }
}

fn pre_build(file: &PipelineFile, wanted: &Wanted) -> Work {
    let section = file
        .pre_build
        .as_ref()
        .expect("the order has this step only when the file has the section");
    let how = match &section.form {
        PreBuildForm::Container(of) => PreBuild::Container {
            job: Box::new(job(of, wanted)),
        },
        PreBuildForm::Dockerfile(image) => PreBuild::Dockerfile {
            build: Box::new(image_build(image, wanted)),
        },
    };
    let outputs: Vec<Output> = section.outputs.iter().map(|output| output.value.clone()).collect();
    Work::PreBuild { how, outputs }
}

fn job(of: &Job, wanted: &Wanted) -> ContainerJob {
    ContainerJob {
        container: container(&of.container, wanted),
        commands: values(&of.commands),
        finally: values(&of.finally),
        shell: of.shell,
        secrets: secrets(&of.container.secrets, wanted),
        secret_files: secret_files(&of.container, wanted),
        docker: of.docker,
    }
}

fn sidecar(of: &SidecarEntry, wanted: &Wanted) -> Sidecar {
    Sidecar {
        name: of.name.value.clone(),
        container: container(&of.container, wanted),
        secrets: secrets(&of.container.secrets, wanted),
        secret_files: secret_files(&of.container, wanted),
        ready: of.ready.clone().unwrap_or(Ready::Default),
        ready_timeout_s: of.ready_timeout_s.unwrap_or(DEFAULT_READY_TIMEOUT_S),
    }
}

fn container(of: &ContainerSpec, wanted: &Wanted) -> Container {
    Container {
        image: of.image.as_ref().map_or_else(String::new, |image| image.value.clone()),
        entrypoint: of.entrypoint.clone(),
        command: of.command.clone(),
        environment: map(&of.environment),
        working_dir: of.working_dir.clone(),
        user: of.user.clone(),
        volumes: of.volumes.clone(),
        tmpfs: of.tmpfs.clone(),
        caches: if wanted.trusted { of.caches.clone() } else { Vec::new() },
        resources: of.resources,
        extra_hosts: of.extra_hosts.clone(),
        dns: of.dns.clone(),
        links: of
            .links
            .iter()
            .map(|link| (link.alias.clone(), link.sidecar.value.clone()))
            .collect(),
        ports: of.ports.clone(),
        mounts: of.mounts.clone(),
        rights: of.rights.iter().map(|right| right.value.clone()).collect(),
        cap_drop: of.cap_drop.clone(),
        no_new_privileges: of.no_new_privileges,
    }
}

fn image_build(of: &ImageSpec, wanted: &Wanted) -> ImageBuild {
    ImageBuild {
        name: of.name.value.clone(),
        context: of.context.clone(),
        dockerfile: of.dockerfile.clone(),
        target: of.target.clone(),
        args: map(&of.args),
        labels: map(&of.labels),
        secrets: secrets(&of.secrets, wanted),
    }
}

fn image_push(of: &ImageSpec, wanted: &Wanted) -> ImagePush {
    let tags = match &wanted.only_tag {
        Some(tag) => vec![tag.clone()],
        None if of.tags.is_empty() => vec![DEFAULT_TAG.to_owned()],
        None => values(&of.tags),
    };
    ImagePush {
        name: of.name.value.clone(),
        repository: of.repository.as_ref().map(|repository| repository.value.clone()),
        tags,
    }
}

/// The deployments of the file, or the service's bindings, each behind what it needs.
pub(super) fn deploys(file: &PipelineFile, policy: &Policy) -> Vec<DeployStep> {
    let Some(entries) = &file.deploy else {
        return policy.bindings.clone();
    };
    let only = file.images().next().map_or("", |image| image.name.value.as_str());
    let mut waiting: Vec<&DeployEntry> = entries.iter().collect();
    let mut steps = Vec::with_capacity(waiting.len());
    while !waiting.is_empty() {
        let names: BTreeSet<&str> = waiting.iter().map(|entry| entry.environment.value.as_str()).collect();
        let is_free = |entry: &DeployEntry| entry.needs.iter().all(|need| !names.contains(need.value.as_str()));
        // The parser refused cycles, so one is always free; taking the first otherwise keeps this loop finite.
        let at = waiting.iter().position(|entry| is_free(entry)).unwrap_or(0);
        steps.push(deploy_step(waiting.remove(at), only));
    }
    steps
}

fn deploy_step(of: &DeployEntry, only_image: &str) -> DeployStep {
    DeployStep {
        environment: of.environment.value.clone(),
        image: of
            .image
            .as_ref()
            .map_or(only_image, |image| image.value.as_str())
            .to_owned(),
        needs: values(&of.needs),
        verify: of.verify.clone(),
    }
}

fn secrets(names: &[Spanned<String>], wanted: &Wanted) -> Vec<String> {
    if wanted.trusted { values(names) } else { Vec::new() }
}

fn secret_files(of: &ContainerSpec, wanted: &Wanted) -> BTreeMap<String, String> {
    if wanted.trusted {
        of.secret_files.clone()
    } else {
        BTreeMap::new()
    }
}

fn values(of: &[Spanned<String>]) -> Vec<String> {
    of.iter().map(|one| one.value.clone()).collect()
}

fn map(of: &[Pair]) -> BTreeMap<String, String> {
    of.iter()
        .map(|pair| (pair.name.value.clone(), pair.value.value.clone()))
        .collect()
}
