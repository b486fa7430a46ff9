//! What is planned for whom, told rule by rule.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use circle_core::expand::{RunFacts, variables};
use circle_core::names::TagName;
use circle_core::pipeline::{Code, check_secrets};
use circle_core::plan::{Concurrency, DeployStep, Plan, Policy, Work, is_skip, plan};
use circle_core::trigger::{Event, Trigger};
use support::{good, manual, member, pull_request, push, tag};

const SECTIONS: &str = "
integration: {image: busybox, commands: [test]}
pre_build: {image: busybox, commands: [make], outputs: [bin]}
build: {}
post_build: {image: busybox, commands: [sync]}
deploy: [{environment: staging}]
";

fn planned(file: &str, trigger: &Trigger) -> Plan {
    let planned = plan(&good(file), trigger, &Policy::default());
    planned.unwrap_or_else(|findings| panic!("{}", support::render(&findings)))
}

fn stages(file: &str, trigger: &Trigger) -> String {
    let plan = planned(file, trigger);
    plan.stages
        .iter()
        .map(|stage| stage.name.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

fn refusal(file: &str, trigger: &Trigger) -> (Code, u32) {
    let findings = plan(&good(file), trigger, &Policy::default()).expect_err("it should be refused");
    (findings[0].code, findings[0].line)
}

fn with_rules(rules: &str) -> String {
    format!("triggers:\n{rules}{SECTIONS}")
}

fn touching(trigger: Trigger, paths: &[&str]) -> Trigger {
    Trigger {
        changed_paths: Some(paths.iter().map(|path| (*path).to_owned()).collect()),
        inputs: Default::default(),
        ..trigger
    }
}

#[test]
fn without_rules_a_push_does_everything_and_a_pull_request_publishes_nothing() {
    assert_eq!(
        stages(SECTIONS, &push("any/branch")),
        "checkout integration pre_build build push post_build"
    );
    assert_eq!(
        stages(SECTIONS, &tag("v1")),
        "checkout integration pre_build build push post_build"
    );
    assert_eq!(
        stages(SECTIONS, &manual("main")),
        "checkout integration pre_build build push post_build"
    );
    assert_eq!(
        stages(SECTIONS, &pull_request("main")),
        "checkout integration pre_build build"
    );
    assert_eq!(planned(SECTIONS, &push("main")).deploys.len(), 1);
    assert!(planned(SECTIONS, &pull_request("main")).deploys.is_empty());
}

#[test]
fn the_first_rule_that_matches_wins() {
    let file =
        with_rules("  - {event: push, branches: [main], stages: [build]}\n  - {event: push, stages: [integration]}\n");
    assert_eq!(stages(&file, &push("main")), "checkout build push");
    assert_eq!(stages(&file, &push("feature")), "checkout integration");
}

#[test]
fn what_no_rule_matches_is_skipped_and_not_failed() {
    let file = good(&with_rules("  - {event: push, branches: [main]}\n"));
    let findings = plan(&file, &tag("v1"), &Policy::default()).expect_err("there is no rule for tags");
    assert!(is_skip(&findings), "{findings:?}");
    assert!(findings[0].message.contains("tag `v1`"), "{}", findings[0].message);
}

#[test]
fn a_tag_is_matched_by_its_own_rules_only() {
    let file = with_rules(
        "  - {event: push, branches: [\"*\"], stages: [build]}\n  - {event: tag, tags: [\"v*\"], stages: [integration]}\n",
    );
    assert_eq!(stages(&file, &tag("v1")), "checkout integration");
    assert_eq!(refusal(&file, &tag("nightly")).0, Code::NoTriggerMatches);
}

#[test]
fn changed_paths_decide_where_they_are_known() {
    let file = with_rules(
        "  - {event: push, paths: [\"**\", \"!docs/**\"], stages: [build]}\n  - {event: push, stages: [integration]}\n",
    );
    assert_eq!(
        stages(&file, &touching(push("main"), &["docs/a.md", "docs/b/c.md"])),
        "checkout integration"
    );
    assert_eq!(
        stages(&file, &touching(push("main"), &["docs/a.md", "src/a.c"])),
        "checkout build push"
    );
    assert_eq!(stages(&file, &push("main")), "checkout build push");
    assert_eq!(stages(&file, &touching(push("main"), &[])), "checkout integration");
}

#[test]
fn a_manual_run_counts_as_its_ref_until_the_file_speaks_of_manual_runs() {
    let by_tag = member(Event::Manual {
        branch: None,
        tag: Some(TagName::new("v1").expect("a tag")),
        reason: None,
        pinned: false,
    });
    let file =
        with_rules("  - {event: push, branches: [main], stages: [build]}\n  - {event: tag, stages: [pre_build]}\n");
    assert_eq!(stages(&file, &manual("main")), "checkout build push");
    assert_eq!(stages(&file, &by_tag), "checkout pre_build");
    assert_eq!(refusal(&file, &manual("other")).0, Code::NoTriggerMatches);
    let file = with_rules(
        "  - {event: push, stages: [build]}\n  - {event: manual, branches: [main], stages: [integration]}\n",
    );
    assert_eq!(stages(&file, &manual("main")), "checkout integration");
    assert_eq!(refusal(&file, &manual("other")).0, Code::NoTriggerMatches);
}

#[test]
fn push_never_builds_and_keeps_the_image() {
    let file = "triggers: [{event: push, push: never}]\nbuild: {}\n";
    assert_eq!(stages(file, &push("main")), "checkout build");
}

#[test]
fn jobs_after_build_run_between_build_and_push_and_only_with_build() {
    let file = "integration: {image: BUILT_IMAGE, commands: [test]}\nbuild: {}\ntriggers: [{event: push}, {event: tag, stages: [integration]}]\n";
    assert_eq!(stages(file, &push("main")), "checkout build integration push");
    assert_eq!(refusal(file, &tag("v1")), (Code::NothingToDo, 3));
}

#[test]
fn deployments_stand_behind_what_they_need() {
    let file = "build: {}\ndeploy:\n  - {environment: c, needs: [b]}\n  - {environment: b, needs: [a]}\n  - {environment: a}\n";
    let order: Vec<String> = planned(file, &push("main"))
        .deploys
        .into_iter()
        .map(|step| step.environment)
        .collect();
    assert_eq!(order, ["a", "b", "c"]);
}

#[test]
fn without_a_deploy_section_the_bindings_of_the_service_apply() {
    let binding = DeployStep {
        environment: "production".to_owned(),
        image: "default".to_owned(),
        needs: Vec::new(),
        verify: None,
    };
    let policy = Policy {
        bindings: vec![binding.clone()],
        ..Policy::default()
    };
    let of = |file: &str, trigger: &Trigger| plan(&good(file), trigger, &policy).expect("it runs").deploys;
    assert_eq!(of("build: {}\n", &push("main")), [binding]);
    assert_eq!(of("build: {}\n", &pull_request("main")), []);
    assert_eq!(
        of("build: {}\ntriggers: [{event: push, stages: [build]}]\n", &push("main")),
        []
    );
    assert_eq!(
        of("build: {}\ndeploy: [{environment: staging}]\n", &push("main"))[0].environment,
        "staging"
    );
}

#[test]
fn concurrency_follows_the_kind_of_ref() {
    let of = |file: &str, trigger: &Trigger| planned(file, trigger).concurrency;
    assert_eq!(of("build: {}", &push("main")), Concurrency::Queue);
    assert_eq!(of("build: {}", &pull_request("main")), Concurrency::CancelRunning);
    let file = "concurrency: {branch: cancel_running, tag: parallel}\nbuild: {}\n";
    assert_eq!(of(file, &push("main")), Concurrency::CancelRunning);
    assert_eq!(of(file, &tag("v1")), Concurrency::Parallel);
}

#[test]
fn a_name_that_this_event_does_not_set_is_refused_where_it_is_used() {
    let file = "build:\n  tags: [\"${CIRCLE_TAG}\"]\n";
    planned(file, &tag("v1"));
    assert_eq!(refusal(file, &push("main")), (Code::UnknownVariable, 2));
    // Nothing is pushed for a pull request, so its tags are never asked for.
    planned(file, &pull_request("main"));
    planned("build:\n  tags: [\"${CIRCLE_TAG:-latest}\"]\n", &push("main"));
}

#[test]
fn what_the_file_was_warned_of_stands_in_the_plan() {
    let plan = planned("integration:\n  image: busybox\n  commands: [a | b]\n", &push("main"));
    assert_eq!(plan.warnings.len(), 1, "{:?}", plan.warnings);
    assert!(plan.warnings[0].starts_with("line 3: "), "{:?}", plan.warnings);
}

#[test]
fn documented_times_and_tries_are_the_defaults() {
    let plan = planned(SECTIONS, &push("main"));
    assert_eq!((plan.timeout_s, plan.silence_s), (3 * 3600, 30 * 60));
    assert!(
        plan.stages
            .iter()
            .all(|stage| stage.timeout_s == 3600 && stage.retry.max == 1)
    );
    let sidecar = "integration:\n  services: {db: {image: postgres, ports: [5432]}}\n  image: a\n  commands: [b]\n";
    let plan = planned(sidecar, &push("main"));
    let Work::Integration { sidecars, .. } = &plan.stages[1].work else {
        panic!("{:?}", plan.stages)
    };
    assert_eq!(sidecars[0].ready_timeout_s, 60);
}

#[test]
fn unknown_secrets_are_errors_with_a_server_and_one_warning_without() {
    let file = good("integration: {image: a, secrets: [API_KEY, NPM_TOKN], commands: [b]}\n");
    let known = BTreeSet::from(["API_KEY".to_owned(), "NPM_TOKEN".to_owned()]);
    let findings = check_secrets(&file, Some(&known));
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].code, findings[0].column), (Code::UndefinedSecret, 44));
    assert_eq!(findings[0].help.as_deref(), Some("did you mean `NPM_TOKEN`?"));
    let unknown = check_secrets(&file, None);
    assert!(
        matches!(unknown.as_slice(), [one] if !one.is_error() && one.code == Code::SecretsUnchecked),
        "{unknown:?}"
    );
    assert!(check_secrets(&good("build: {}"), None).is_empty());
}

#[test]
fn a_run_needs_the_secrets_of_its_own_stages_only() {
    let file = good(
        "triggers: [{event: push, branches: [main]}, {event: push, stages: [build]}]\nbuild: {}\npost_build: {image: a, secrets: [CDN_KEY], commands: [b]}\n",
    );
    let policy = Policy {
        secrets: Some(BTreeMap::new()),
        ..Policy::default()
    };
    plan(&file, &push("feature"), &policy).expect("post_build does not run here");
    let findings = plan(&file, &push("main"), &policy).expect_err("post_build needs its secret");
    assert_eq!((findings[0].code, findings[0].line), (Code::UndefinedSecret, 3));
}

#[test]
fn variables_say_what_the_event_has_and_nothing_else() {
    let facts = RunFacts {
        run_id: "run_1".to_owned(),
        run_number: 42,
        run_url: "https://circle.example.org/runs/42".to_owned(),
        workspace: "main".to_owned(),
        service: "shop".to_owned(),
    };
    let of = |trigger: &Trigger| {
        variables(trigger, &facts)
            .into_iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
    };
    insta::assert_snapshot!(of(&push("Feature/A_b")).join("\n"), @r"
    CI=true
    CIRCLE=true
    CIRCLE_BRANCH=Feature/A_b
    CIRCLE_COMMIT=0123456789abcdef0123456789abcdef01234567
    CIRCLE_EVENT=push
    CIRCLE_REF_SLUG=feature-a-b
    CIRCLE_RUN_ID=run_1
    CIRCLE_RUN_NUMBER=42
    CIRCLE_RUN_URL=https://circle.example.org/runs/42
    CIRCLE_SERVICE=shop
    CIRCLE_VERSION=0123456789ab
    CIRCLE_WORKSPACE=main
    ");
    let request = variables(&pull_request("main"), &facts);
    assert_eq!(request["CIRCLE_PULL_REQUEST"], "7");
    assert_eq!(request["CIRCLE_TARGET_BRANCH"], "main");
    assert_eq!(request["CIRCLE_REF_SLUG"], "pr-7");
    assert!(!request.contains_key("CIRCLE_BRANCH"));
    let release = variables(&tag("v1.2"), &facts);
    assert_eq!(
        (release["CIRCLE_TAG"].as_str(), release["CIRCLE_VERSION"].as_str()),
        ("v1.2", "v1.2")
    );
}

#[test]
fn inputs_are_variables_and_what_has_no_value_is_refused_where_it_is_needed() {
    let file = "inputs: {version: {}, level: {default: low}}\nbuild: {tags: [\"${CIRCLE_INPUT_VERSION}\", \"${CIRCLE_INPUT_LEVEL}\"]}\n";
    let with = |pairs: &[(&str, &str)]| Trigger {
        inputs: pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        ..manual("main")
    };
    let both = with(&[("version", "1.2"), ("level", "low")]);
    assert_eq!(stages(file, &both), "checkout build push");
    let set = circle_core::expand::variables_of(&both);
    assert_eq!(
        (set["CIRCLE_INPUT_VERSION"].as_str(), set["CIRCLE_INPUT_LEVEL"].as_str()),
        ("1.2", "low")
    );
    assert_eq!(refusal(file, &with(&[("level", "low")])), (Code::UnknownVariable, 2));
    assert_eq!(refusal(file, &push("main")), (Code::UnknownVariable, 2));
}

/// Whatever somebody may choose, the commands of the plan are those of the file: a shell is never given the text of a value.
#[test]
fn values_of_inputs_never_become_part_of_a_command() {
    let file = "inputs: {name: {}}\nintegration: {image: busybox, commands: ['echo \"$CIRCLE_INPUT_NAME\" ${CIRCLE_INPUT_NAME}']}\n";
    let evil = Trigger {
        inputs: [("name".to_owned(), "$(touch /tmp/owned); `id`".to_owned())].into(),
        ..manual("main")
    };
    let plan = serde_json::to_string(&planned(file, &evil)).expect("JSON");
    assert!(
        plan.contains("${CIRCLE_INPUT_NAME}") && !plan.contains("owned"),
        "{plan}"
    );
}
