//! The order of a run's stages, for plans and for people.

use super::planner_policy::Policy;
use crate::pipeline::{Job, PipelineFile, PreBuildForm, StageName, StageSet, TriggerRule};
use crate::trigger::{Event, Trigger, Trust};

/// One stage before it is filled in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'f> {
    Checkout,
    Integration(&'f Job),
    PreBuild,
    Build,
    Push,
    PostBuild(&'f Job),
}

/// What a rule wants after trust and policy took from it.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) stages: StageSet,
    pub(super) push: bool,
    pub(super) post_build: bool,
    pub(super) deploy: bool,
    /// Whether secrets and caches are given.
    pub(super) trusted: bool,
    /// The tag that takes the place of all others.
    pub(super) only_tag: Option<String>,
    /// What was left out and why, a sentence each.
    pub(super) withheld: Vec<&'static str>,
}

impl Wanted {
    pub(super) fn new(file: &PipelineFile, rule: &TriggerRule, trigger: &Trigger, policy: &Policy) -> Self {
        let request = match trigger.event {
            Event::PullRequest { number, .. } => Some(number),
            _ => None,
        };
        let trusted = trigger.trust == Trust::Member;
        let mut wanted = Self::unhindered(file, rule);
        wanted.trusted = trusted;
        let refusal = match (trusted, request) {
            (false, _) => Some("nothing is pushed or deployed, because the code comes from outside the workspace"),
            (true, Some(_)) if !policy.workspace.push_pull_requests => {
                Some("nothing is pushed or deployed, because the workspace does not push pull requests")
            }
            _ => None,
        };
        if let Some(reason) = refusal {
            if wanted.push || wanted.post_build || wanted.deploy {
                wanted.withheld.push(reason);
            }
            wanted.push = false;
            wanted.post_build = false;
            wanted.deploy = false;
        }
        if let Some(number) = request {
            wanted.only_tag = Some(format!("pr-{number}"));
            wanted.deploy = false;
        }
        wanted
    }

    /// What the rule alone says.
    pub(super) fn unhindered(file: &PipelineFile, rule: &TriggerRule) -> Self {
        let has = |stage| rule.stages.contains(stage);
        let builds = has(StageName::Build) && file.build.is_some();
        let push = builds && rule.push_never.is_none();
        let nothing_to_push = !builds;
        Self {
            stages: rule.stages.clone(),
            push,
            post_build: has(StageName::PostBuild) && (push || nothing_to_push),
            deploy: has(StageName::Deploy) && push,
            trusted: true,
            only_tag: None,
            withheld: Vec::new(),
        }
    }
}

/// The stages in the order in which they start. The first is checkout; deployments follow them all.
pub(super) fn order<'f>(file: &'f PipelineFile, wanted: &Wanted) -> Vec<Step<'f>> {
    let has = |stage| wanted.stages.contains(stage);
    let builds = has(StageName::Build) && file.build.is_some();
    let jobs = |after_build| {
        let jobs = file.integration.iter().flat_map(|stage| &stage.jobs);
        jobs.filter(move |job| job.after_build == after_build && has(StageName::Integration))
            .map(Step::Integration)
    };
    let when = |wanted: bool, step: Step<'f>| wanted.then_some(step);
    let mut steps = vec![Step::Checkout];
    steps.extend(jobs(false));
    steps.extend(when(
        has(StageName::PreBuild) && file.pre_build.is_some(),
        Step::PreBuild,
    ));
    steps.extend(when(builds, Step::Build));
    steps.extend(jobs(true).filter(|_| builds));
    steps.extend(when(wanted.push, Step::Push));
    steps.extend(
        file.post_build
            .as_ref()
            .filter(|_| wanted.post_build)
            .map(Step::PostBuild),
    );
    steps
}

impl Step<'_> {
    /// Unique in a plan.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Checkout => "checkout".to_owned(),
            Self::Integration(job) if job.name.value == "integration" => "integration".to_owned(),
            Self::Integration(job) => format!("integration.{}", job.name.value),
            Self::PreBuild => "pre_build".to_owned(),
            Self::Build => "build".to_owned(),
            Self::Push => "push".to_owned(),
            Self::PostBuild(_) => "post_build".to_owned(),
        }
    }

    /// Whether strangers miss something here.
    pub(super) fn asks_for_secrets(&self, file: &PipelineFile) -> bool {
        match self {
            Self::Integration(job) | Self::PostBuild(job) => {
                is_private(job) || file.sidecars().any(|one| !one.container.secrets.is_empty())
            }
            Self::PreBuild => match file.pre_build.as_ref().map(|stage| &stage.form) {
                Some(PreBuildForm::Container(job)) => is_private(job),
                Some(PreBuildForm::Dockerfile(image)) => !image.secrets.is_empty(),
                None => false,
            },
            Self::Build => file.images().any(|image| !image.secrets.is_empty()),
            Self::Checkout | Self::Push => false,
        }
    }
}

fn is_private(job: &Job) -> bool {
    !job.container.secrets.is_empty() || !job.container.caches.is_empty()
}
