//! Which containers may be started before their stage's turn.
//!
//! A job waits behind its gate, which gives it environment, secrets, directory and commands only when it is opened; so all
//! that must be known early is its image and its mounts. A sidecar has no gate: it begins its work at once, so it is
//! started early for the next stage only.

use super::{Container, Plan, PreBuild, Sidecar, Stage, Work};
use crate::expand::has_names;

/// More waiting containers than this would take memory from the stage that runs, and win nothing.
const MAX_EARLY: usize = 4;
/// Stands for an image that a run builds.
const BUILT_IMAGE: &str = "BUILT_IMAGE";
/// Where every job sees the checkout.
const WORKSPACE: &str = "/workspace";

/// A stage whose job's container may be started early.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Early {
    /// Its place in the plan.
    pub stage: usize,
    /// Whether its sidecars may be, too.
    pub sidecars: bool,
}

/// The stages in the order in which they are to be started; `is_skipped` tells those that a repeated run takes over.
pub fn early(plan: &Plan, is_skipped: impl Fn(&Stage) -> bool) -> Vec<Early> {
    let run = plan.stages.iter().enumerate().filter(|(_, stage)| !is_skipped(stage));
    let containers: Vec<(usize, &Stage)> = run
        .filter(|(_, stage)| !matches!(stage.work, Work::Checkout { .. }))
        .collect();
    let next = containers.first().map(|(at, _)| *at);
    containers
        .iter()
        .filter_map(|(at, stage)| {
            let (sidecars, job): (&[Sidecar], _) = match &stage.work {
                Work::Integration { sidecars, job } => (sidecars, job),
                Work::PreBuild {
                    how: PreBuild::Container { job },
                    ..
                }
                | Work::PostBuild { job } => (&[], job),
                Work::Checkout { .. } | Work::PreBuild { .. } | Work::Build { .. } | Work::Push { .. } => return None,
            };
            let with_sidecars = Some(*at) == next && sidecars.iter().all(sidecar_fits);
            fits(&job.container).then_some(Early {
                stage: *at,
                sidecars: with_sidecars && !sidecars.is_empty(),
            })
        })
        .take(MAX_EARLY)
        .collect()
}

/// A sidecar's environment stands in its configuration, so no name may be left in it.
fn sidecar_fits(sidecar: &Sidecar) -> bool {
    fits(&sidecar.container) && !sidecar.container.environment.values().any(|value| has_names(value))
}

/// Whether image and mounts are known before the checkout is there.
fn fits(container: &Container) -> bool {
    let targets = container
        .tmpfs
        .iter()
        .chain(container.mounts.iter().map(|mount| &mount.to));
    let beneath = |target: &&String| {
        target
            .strip_prefix(WORKSPACE)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    !container.image.starts_with(BUILT_IMAGE)
        && !has_names(&container.image)
        && container.volumes.is_empty()
        && container.caches.is_empty()
        // The view is mounted later than they, and would cover them.
        && targets.filter(beneath).count() == 0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Early, early};
    use crate::pipeline::parse;
    use crate::plan::{Plan, Policy, plan};
    use crate::trigger::{Event, Trigger, Trust};

    fn planned(text: &str) -> Plan {
        let branch = crate::names::BranchName::new("main").expect("a branch");
        let trigger = Trigger {
            event: Event::Push { branch: branch.clone() },
            git_ref: branch.full(),
            commit: None,
            commit_time: None,
            title: None,
            actor: "mia".to_owned(),
            trust: Trust::Member,
            key: "k".to_owned(),
            changed_paths: None,
            inputs: Default::default(),
        };
        let (file, findings) = parse("f", text.as_bytes());
        let file = file.unwrap_or_else(|| panic!("{findings:?}"));
        plan(&file, &trigger, &Policy::default()).expect("a plan")
    }

    /// Names of the stages that start early, with a plus for sidecars.
    fn names(text: &str) -> String {
        let plan = planned(text);
        let early = early(&plan, |_| false);
        let name = |one: &Early| format!("{}{}", plan.stages[one.stage].name, if one.sidecars { "+" } else { "" });
        early.iter().map(name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_needs_nothing_of_earlier_stages_starts_early() {
        let cases: BTreeMap<&str, &str> = [
            ("integration: {services: {db: {image: d, ready: {tcp: 1}}}, image: a, commands: [b]}\npre_build: {image: a, commands: [b]}\npost_build: {image: a, commands: [b]}\n", "integration+ pre_build post_build"),
            ("integration: {image: a, commands: [b], volumes: [\"./x:/x\"]}\npost_build: {image: a, commands: [b]}\n", "post_build"),
            ("integration: {image: a, commands: [b], caches: [/c]}\n", ""),
            ("integration: {image: a, commands: [b], tmpfs: [/workspace/tmp]}\n", ""),
            ("integration: {image: a, commands: [b], tmpfs: [/workspaces]}\n", "integration"),
            ("integration: {image: \"a:${CIRCLE_BRANCH}\", commands: [b]}\n", ""),
            ("integration: {services: {db: {image: d, environment: {X: \"${CIRCLE_COMMIT}\"}, ready: {tcp: 1}}}, image: a, commands: [b]}\n", "integration"),
            ("integration: {services: {db: {image: d, volumes: [\"./x:/x\"], ready: {tcp: 1}}}, image: a, commands: [b]}\n", "integration"),
            ("integration: {services: {db: {image: d, ready: {tcp: 1}}}, image: a, after: build, commands: [b]}\nbuild: {}\n", "integration"),
            ("integration: {image: BUILT_IMAGE, commands: [b]}\nbuild: {}\n", ""),
            ("pre_build: {dockerfile: D}\n", ""),
        ]
        .into();
        for (text, wanted) in cases {
            assert_eq!(names(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_a_repeated_run_takes_over_does_not_start() {
        let plan = planned(
            "integration: {services: {db: {image: d, ready: {tcp: 1}}}, image: a, commands: [b]}\npost_build: {image: a, commands: [b]}\n",
        );
        let rest = early(&plan, |stage| stage.name == "integration");
        assert_eq!(
            rest.iter()
                .map(|one| plan.stages[one.stage].name.as_str())
                .collect::<Vec<_>>(),
            ["post_build"]
        );
    }
}
