//! What the server allows, against what a file asks for.

use std::collections::{BTreeMap, BTreeSet};

use super::planner_order::{Step, Wanted};
use super::{DeployStep, Stage};
use crate::expand;
use crate::pipeline::{
    Code, ContainerSpec, ImageSpec, PipelineFile, PreBuildForm, Report, Span, Spanned, is_beneath, quote, undefined,
};
use crate::rights::Right;
use crate::secret_limits::SecretLimits;
use crate::service::WorkspacePolicy;
use crate::trigger::Event;

/// Who can change it, and how.
const BY_POLICY: &str =
    "the workspace's policy has to allow it: an administrator changes that with `circle workspace policy`";
/// Where people expect the engine.
const SOCKETS: [&str; 2] = ["/var/run/docker.sock", "/run/docker.sock"];

/// What the server knows and allows when a run is planned. The default allows nothing that needs allowing and knows nothing:
/// what is `None` is not checked here and has to be checked where it is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// What an administrator allowed the workspace.
    pub workspace: WorkspacePolicy,
    /// The secrets that this service may use: the limits of every place where the name is set, the nearest first.
    pub secrets: Option<BTreeMap<String, Vec<SecretLimits>>>,
    /// Names of the workspace's environments.
    pub environments: Option<BTreeSet<String>>,
    /// Repositories of the service, `registry/path`; it pushes to these and beneath them only.
    pub repositories: Option<Vec<String>>,
    /// Deployments without a `deploy` section in the file.
    pub bindings: Vec<DeployStep>,
}

impl From<&WorkspacePolicy> for Policy {
    fn from(policy: &WorkspacePolicy) -> Self {
        Self {
            workspace: policy.clone(),
            ..Self::default()
        }
    }
}

impl Policy {
    /// Whether the service may push to a repository, `${NAME}` already expanded. Unknown repositories admit nothing.
    pub fn admits_repository(&self, repository: &str) -> bool {
        self.repositories
            .iter()
            .flatten()
            .any(|own| is_beneath(repository, own))
    }
}

/// Reports what is refused in the stages that would run.
pub(super) fn check_policy(
    report: &Report<'_>,
    file: &PipelineFile,
    (steps, stages): (&[Step<'_>], &[Stage]),
    (wanted, event): (&Wanted, &Event),
    policy: &Policy,
) {
    for container in steps.iter().flat_map(|step| containers(file, step)) {
        rights(report, container, policy, wanted.trusted);
    }
    if let Some(known) = policy.secrets.as_ref().filter(|_| wanted.trusted) {
        let names = known.keys().cloned().collect();
        undefined(report, steps.iter().flat_map(|step| secrets(file, step)), &names);
        for (step, stage) in steps.iter().zip(stages) {
            limits(report, (stage, &secrets(file, step)), event, known);
        }
    }
    if wanted.push {
        file.images().for_each(|image| repository(report, image, policy));
        floor(report, policy);
    }
    if wanted.deploy {
        environments(report, file, policy);
    }
}

fn containers<'f>(file: &'f PipelineFile, step: &Step<'f>) -> Vec<&'f ContainerSpec> {
    match step {
        Step::Integration(job) => std::iter::once(&job.container)
            .chain(file.sidecars().map(|sidecar| &sidecar.container))
            .collect(),
        Step::PostBuild(job) => vec![&job.container],
        Step::PreBuild => match file.pre_build.as_ref().map(|stage| &stage.form) {
            Some(PreBuildForm::Container(job)) => vec![&job.container],
            Some(PreBuildForm::Dockerfile(_)) | None => Vec::new(),
        },
        Step::Checkout | Step::Build | Step::Push => Vec::new(),
    }
}

/// Only the stages that run need their secrets: a branch may lack those of an environment that it never reaches.
fn secrets<'f>(file: &'f PipelineFile, step: &Step<'f>) -> Vec<&'f Spanned<String>> {
    let images: Vec<&ImageSpec> = match step {
        Step::Build => file.images().collect(),
        Step::PreBuild => file.pre_build_image().into_iter().collect(),
        _ => Vec::new(),
    };
    let built = images.into_iter().flat_map(|image| &image.secrets);
    containers(file, step)
        .into_iter()
        .flat_map(|container| &container.secrets)
        .chain(built)
        .collect()
}

/// Reports what no place where the name is set gives to this stage. The uses of a stage stand in the order of the file's.
fn limits(
    report: &Report<'_>,
    (stage, places): (&Stage, &[&Spanned<String>]),
    event: &Event,
    known: &BTreeMap<String, Vec<SecretLimits>>,
) {
    for (used, place) in stage.secret_uses().iter().zip(places) {
        let set = known.get(used.name).map_or(&[][..], Vec::as_slice);
        let judged: Vec<_> = set.iter().map(|limits| limits.admit(event, used)).collect();
        if judged.iter().any(Result::is_ok) {
            continue;
        }
        // Without any, the name is undefined, which is reported elsewhere.
        if let Some(Err(refusal)) = judged.first() {
            let message = format!("the secret {} is not given here: {refusal}", quote(used.name));
            let help = format!(
                "take it out of `secrets` here, or ask an administrator, who limits it: `circle secret set {}`",
                used.name
            );
            report.error_help(Code::SecretLimited, place.span, message, help);
        }
    }
}

fn rights(report: &Report<'_>, container: &ContainerSpec, policy: &Policy, trusted: bool) {
    for right in &container.rights {
        if trusted && policy.workspace.rights.allow(&right.value) {
            continue;
        }
        let help = match (&right.value, trusted) {
            (_, false) => "code from outside the workspace never gets more rights than the ordinary".to_owned(),
            (Right::Mount(path), true) if SOCKETS.contains(&path.as_str()) => {
                "write `docker: true`: the job gets the socket of this run's own daemon".to_owned()
            }
            (Right::Mount(_), true) => format!(
                "only folders of the checkout can be mounted: write ./path; for what should last between runs, write `caches`; {BY_POLICY}"
            ),
            (_, true) => BY_POLICY.to_owned(),
        };
        report.error_help(
            Code::NotAllowed,
            right.span,
            format!("{} is not allowed", right.value),
            help,
        );
    }
}

fn repository(report: &Report<'_>, image: &ImageSpec, policy: &Policy) {
    let (Some(repository), Some(own)) = (&image.repository, &policy.repositories) else {
        return;
    };
    // What is expanded later is checked after expansion, by whoever pushes.
    if expand::has_names(&repository.value) || policy.admits_repository(&repository.value) {
        return;
    }
    let message = format!("the service may not push to {}", quote(&repository.value));
    let help = if own.is_empty() {
        "it has no repository yet: an administrator adds one with `circle service set`".to_owned()
    } else {
        format!("it pushes to these and beneath them: {}", own.join(", "))
    };
    report.error_help(Code::NotAllowed, repository.span, message, help);
}

/// The file cannot answer this: it is about what the workspace wants, and whoever pushes has to have looked.
fn floor(report: &Report<'_>, policy: &Policy) {
    if let Some(refusal) = policy.workspace.scan_floor.refusal() {
        let help = "build without a push (`push: never` in the rule), or ask an administrator to lift the floor: `circle workspace policy NAME --scan-floor none`";
        report.error_help(Code::NotYet, Span::START, refusal, help);
    }
}

fn environments(report: &Report<'_>, file: &PipelineFile, policy: &Policy) {
    let Some(known) = &policy.environments else { return };
    for step in file
        .deploy
        .iter()
        .flatten()
        .filter(|step| !known.contains(&step.environment.value))
    {
        let name = &step.environment.value;
        let help = format!("make it with `circle environment add {name}`");
        report.error_help(
            Code::UnknownEnvironment,
            step.environment.span,
            format!("the workspace has no environment {}", quote(name)),
            help,
        );
    }
}
