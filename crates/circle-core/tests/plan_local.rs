//! What of a plan is done on one's own machine.

mod support;

use std::collections::BTreeMap;

use circle_core::expand::expand;
use circle_core::plan::{LocalPlan, LocalWish, Policy, PreBuild, Work, locally, plan};
use support::{good, manual};

const FILE: &str = "
integration: {image: busybox, commands: [test], environment: {A: of the file}}
pre_build: {image: busybox, commands: [make], outputs: [bin]}
build: {args: {VERSION: '1'}}
post_build: {image: BUILT_IMAGE, commands: [smoke]}
deploy: [{environment: staging}]
";

fn reduced(stages: &[&str], set: &[(&str, &str)]) -> LocalPlan {
    let whole = plan(&good(FILE), &manual("main"), &Policy::default()).expect("a plan");
    let wish = LocalWish {
        stages: stages.iter().map(|name| (*name).to_owned()).collect(),
        set: set
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    locally(whole, &wish).expect("a local plan")
}

fn names(stages: &[&str]) -> String {
    let names = reduced(stages, &[]).plan.stages.into_iter().map(|stage| stage.name);
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn nothing_leaves_the_machine_and_this_is_said() {
    let local = reduced(&[], &[]);
    assert!(local.plan.deploys.is_empty());
    assert!(
        !local
            .plan
            .stages
            .iter()
            .any(|stage| matches!(stage.work, Work::Push { .. }))
    );
    assert_eq!(local.left_out.len(), 2, "{:?}", local.left_out);
    assert!(local.left_out[0].contains("push") && local.left_out[1].contains("staging"));
}

#[test]
fn a_stage_comes_with_what_it_needs() {
    assert_eq!(names(&[]), "checkout integration pre_build build post_build");
    assert_eq!(names(&["integration"]), "checkout integration");
    assert_eq!(names(&["pre_build"]), "checkout pre_build");
    // Outputs lie over the checkout of all later stages.
    assert_eq!(names(&["build"]), "checkout pre_build build");
    // The image is named; what it is built from comes along.
    assert_eq!(names(&["post_build"]), "checkout pre_build build post_build");
    assert_eq!(
        names(&["post_build", "integration"]),
        "checkout integration pre_build build post_build"
    );
}

#[test]
fn a_stage_that_is_not_there_is_named_with_those_that_are() {
    let whole = plan(&good(FILE), &manual("main"), &Policy::default()).expect("a plan");
    for asked in ["biuld", "push"] {
        let wish = LocalWish {
            stages: vec![asked.to_owned()],
            ..LocalWish::default()
        };
        let refused = locally(whole.clone(), &wish).expect_err("no such stage").to_string();
        assert!(refused.contains(asked) && refused.contains("pre_build"), "{refused}");
    }
}

#[test]
fn a_set_value_wins_and_is_taken_literally() {
    let local = reduced(&[], &[("A", "set ${HOME} $1"), ("VERSION", "2"), ("UNKNOWN", "x")]);
    let nothing = BTreeMap::new();
    for stage in &local.plan.stages {
        match &stage.work {
            Work::Integration { job, .. }
            | Work::PostBuild { job }
            | Work::PreBuild {
                how: PreBuild::Container { job },
                ..
            } => {
                let value = &job.container.environment["A"];
                assert_eq!(
                    expand(value, &nothing).expect("no name in it"),
                    "set ${HOME} $1",
                    "{}",
                    stage.name
                );
            }
            Work::Build { images } => {
                assert_eq!(images[0].args["VERSION"], "2");
                assert!(
                    !images[0].args.contains_key("UNKNOWN"),
                    "an argument that the file does not name"
                );
            }
            _ => {}
        }
    }
}
