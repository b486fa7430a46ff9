//! Every good file of the corpus, and what is planned for it.

mod support;

use std::collections::BTreeMap;
use std::fs;

use circle_core::pipeline::{Diagnostic, PipelineFile, RootFolder, parse, without_file};
use circle_core::plan::{Plan, Policy, explain, plan};
use circle_core::trigger::Trigger;
use serde_json::{Value, json};
use support::{by_a_stranger, corpus, manual, privileged, pull_request, push, render, tag};

#[test]
fn each_good_file_is_planned_as_before() {
    for path in corpus("good") {
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        let (file, findings) = parse(&format!("{name}.yml"), &fs::read(&path).expect("a file of the corpus"));
        let file = file.unwrap_or_else(|| panic!("{name} is refused:\n{}", render(&findings)));
        let whole = plan(&file, &push("main"), &privileged()).expect("a push to main runs");
        let story = json!({"order": explain(&file), "by_trigger": by_trigger(&file), "push_to_main": whole});
        insta::with_settings!({snapshot_path => "snapshots/good", prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_json_snapshot!(name, story);
        });
    }
}

/// The names of the stages for each kind of trigger, by the strictest policy.
fn by_trigger(file: &PipelineFile) -> Value {
    let triggers: [(&str, Trigger); 7] = [
        ("push main", push("main")),
        ("push release/1", push("release/1")),
        ("push feature", push("feature")),
        ("tag v1.0", tag("v1.0")),
        ("pull request", pull_request("main")),
        ("pull request of a stranger", by_a_stranger(pull_request("main"))),
        ("manual", manual("main")),
    ];
    let said = triggers.map(|(name, trigger)| (name, words(plan(file, &trigger, &Policy::default()))));
    json!(BTreeMap::from(said))
}

fn words(planned: Result<Plan, Vec<Diagnostic>>) -> Vec<String> {
    match planned {
        Ok(plan) => {
            let stages = plan.stages.iter().map(|stage| stage.name.clone());
            let deploys = plan
                .deploys
                .iter()
                .map(|step| format!("deploy {} to {}", step.image, step.environment));
            let warnings = plan.warnings.iter().map(|warning| format!("warning: {warning}"));
            stages.chain(deploys).chain(warnings).collect()
        }
        Err(findings) => findings.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn without_a_file_the_dockerfile_is_built_and_without_both_nothing_can_run() {
    let file = without_file(RootFolder { has_dockerfile: true }).expect("a Dockerfile is enough");
    let planned = plan(&file, &push("main"), &Policy::default()).expect("a push runs");
    let names: Vec<&str> = planned.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["checkout", "build", "push"]);

    let findings = without_file(RootFolder::default()).expect_err("there is nothing to run");
    let said = findings[0].to_string();
    assert!(
        said.contains("neither a pipeline file `caicloud.yml` nor a `Dockerfile`"),
        "{said}"
    );
}
