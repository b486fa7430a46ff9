//! What of a plan is done on somebody's own machine, from a working tree: no push, no deploy, and only the stages that were
//! asked for with what they need.

use std::collections::BTreeMap;

use super::{Container, Plan, PreBuild, Stage, Work};

/// The prefix of an image reference that stands for what the run itself builds.
const BUILT_IMAGE: &str = "BUILT_IMAGE";

/// What somebody wants of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalWish {
    /// Names of stages; empty for all.
    pub stages: Vec<String>,
    /// Variables for every container, and for build arguments that the file names; they win over the file's.
    pub set: BTreeMap<String, String>,
}

/// A plan for one's own machine, and what is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPlan {
    /// Without pushes and deploys.
    pub plan: Plan,
    /// One sentence for each thing that the file asks for and that is never done here.
    pub left_out: Vec<String>,
}

/// A stage that the plan does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no stage `{asked}` in this run; its stages are {}", there.join(", "))]
pub struct NoSuchStage {
    asked: String,
    there: Vec<String>,
}

/// Reduces a plan to what is done here.
///
/// # Errors
/// When a stage is asked for that the plan does not have, or that is never done here.
pub fn locally(plan: Plan, wish: &LocalWish) -> Result<LocalPlan, NoSuchStage> {
    let mut left_out = Vec::new();
    let is_push = |stage: &Stage| matches!(stage.work, Work::Push { .. });
    if plan.stages.iter().any(is_push) {
        left_out.push("nothing is pushed from here: the stage `push` is left out".to_owned());
    }
    for deploy in &plan.deploys {
        left_out.push(format!(
            "nothing is deployed from here: `{}` is left out",
            deploy.environment
        ));
    }
    let stages: Vec<Stage> = plan.stages.into_iter().filter(|stage| !is_push(stage)).collect();
    let wanted = wanted(&stages, &wish.stages)?;
    let kept = stages
        .into_iter()
        .zip(wanted)
        .filter_map(|(stage, wanted)| wanted.then_some(stage));
    let plan = Plan {
        stages: kept.map(|stage| with_set(stage, &wish.set)).collect(),
        deploys: Vec::new(),
        ..plan
    };
    Ok(LocalPlan { plan, left_out })
}

/// For every stage whether it is done: the checkout always, what was asked for, and what that needs of the stages before it.
fn wanted(stages: &[Stage], asked: &[String]) -> Result<Vec<bool>, NoSuchStage> {
    for name in asked {
        if !stages.iter().any(|stage| stage.name == *name) {
            return Err(NoSuchStage {
                asked: name.clone(),
                there: stages.iter().map(|stage| stage.name.clone()).collect(),
            });
        }
    }
    let mut wanted: Vec<bool> = stages
        .iter()
        .map(|stage| asked.is_empty() || asked.contains(&stage.name) || matches!(stage.work, Work::Checkout { .. }))
        .collect();
    // From the last to the first, since what is needed needs something itself.
    for at in (0..stages.len()).rev() {
        if !wanted[at] || matches!(stages[at].work, Work::Checkout { .. }) {
            continue;
        }
        for before in 0..at {
            wanted[before] |= needs(&stages[at], &stages[before]);
        }
    }
    Ok(wanted)
}

/// Whether a stage sees what an earlier one made: outputs lie over the checkout, an image is named.
fn needs(stage: &Stage, earlier: &Stage) -> bool {
    match &earlier.work {
        Work::PreBuild { outputs, .. } => !outputs.is_empty(),
        Work::Build { .. } => containers(stage).any(|container| container.image.starts_with(BUILT_IMAGE)),
        Work::Checkout { .. } | Work::Integration { .. } | Work::Push { .. } | Work::PostBuild { .. } => false,
    }
}

fn containers(stage: &Stage) -> impl Iterator<Item = &Container> {
    let (job, sidecars) = match &stage.work {
        Work::Integration { sidecars, job } => (Some(&job.container), sidecars.as_slice()),
        Work::PreBuild {
            how: PreBuild::Container { job },
            ..
        }
        | Work::PostBuild { job } => (Some(&job.container), &[][..]),
        Work::Checkout { .. } | Work::PreBuild { .. } | Work::Build { .. } | Work::Push { .. } => (None, &[][..]),
    };
    job.into_iter().chain(sidecars.iter().map(|sidecar| &sidecar.container))
}

fn with_set(mut stage: Stage, set: &BTreeMap<String, String>) -> Stage {
    // A value is a text, not a template.
    let literal = |value: &String| value.replace("${", "$${");
    let fill = |container: &mut Container| {
        let set = set.iter().map(|(name, value)| (name.clone(), literal(value)));
        container.environment.extend(set);
    };
    let known = |args: &mut BTreeMap<String, String>| {
        for (name, value) in args {
            if let Some(wanted) = set.get(name) {
                *value = literal(wanted);
            }
        }
    };
    match &mut stage.work {
        Work::Integration { sidecars, job } => {
            fill(&mut job.container);
            sidecars.iter_mut().for_each(|sidecar| fill(&mut sidecar.container));
        }
        Work::PreBuild {
            how: PreBuild::Container { job },
            ..
        }
        | Work::PostBuild { job } => fill(&mut job.container),
        Work::PreBuild {
            how: PreBuild::Dockerfile { build },
            ..
        } => known(&mut build.args),
        Work::Build { images } => images.iter_mut().for_each(|image| known(&mut image.args)),
        Work::Checkout { .. } | Work::Push { .. } => {}
    }
    stage
}
