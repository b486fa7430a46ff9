//! Secrets that an administrator limits: a file that asks for more is told where, before anything runs.

mod support;

use circle_core::pipeline::{Code, Diagnostic};
use circle_core::plan::{Plan, Policy, plan};
use circle_core::secret_limits::SecretLimits;
use circle_core::trigger::{EventKind, Trigger};
use support::{good, manual, pull_request, push, tag};

const FILE: &str = "integration:
  services: {db: {image: \"postgres:16\", secrets: [KEY], ready: {tcp: 1}}}
  image: golang
  secrets: [KEY]
  commands: [test]
build: {secrets: [KEY]}
post_build: {image: \"tools/deploy:2\", secrets: [KEY], commands: [sync]}
";

fn limits(json: serde_json::Value) -> SecretLimits {
    serde_json::from_value(json).expect("limits")
}

/// The name is set in as many places, nearest first.
fn judged(file: &str, trigger: &Trigger, set: &[serde_json::Value]) -> Result<Plan, Vec<Diagnostic>> {
    let set = set.iter().cloned().map(limits).collect();
    let policy = Policy {
        secrets: Some([("KEY".to_owned(), set)].into()),
        ..Policy::default()
    };
    plan(&good(file), trigger, &policy)
}

/// Lines that are refused, and what the first says.
fn refused(file: &str, trigger: &Trigger, set: &[serde_json::Value]) -> (Vec<u32>, String) {
    let findings = judged(file, trigger, set).expect_err("it is limited");
    assert!(
        findings
            .iter()
            .all(|one| one.code == Code::SecretLimited && one.help.is_some()),
        "{findings:?}"
    );
    (
        findings.iter().map(|one| one.line).collect(),
        findings[0].message.clone(),
    )
}

#[test]
fn sec_72_a_secret_stays_in_its_stages() {
    let (lines, message) = refused(FILE, &push("main"), &[serde_json::json!({"stages": ["post_build"]})]);
    assert_eq!(lines, [2, 4, 6]);
    assert!(
        message.contains("limited to stage post_build, and this is integration"),
        "{message}"
    );
    let both = serde_json::json!({"stages": ["integration", "post_build"]});
    assert_eq!(refused(FILE, &push("main"), &[both]).0, [6]);
    let all = serde_json::json!({"stages": ["integration", "pre_build", "build", "post_build"]});
    judged(FILE, &push("main"), &[all]).expect("they are all in it");
    // A stage that does not run here needs nothing.
    let rules = format!("triggers: [{{event: push, stages: [build]}}]\n{FILE}");
    let build = serde_json::json!({"stages": ["build"]});
    judged(&rules, &push("main"), &[build]).expect("only build runs");
    // Jobs have names of their own; the stage is still theirs.
    let jobs = "integration: {jobs: {smoke: {image: a, secrets: [KEY], commands: [b]}}}\n";
    judged(jobs, &push("main"), &[serde_json::json!({"stages": ["integration"]})]).expect("it is a job of integration");
}

#[test]
fn sec_72_a_secret_stays_with_its_events() {
    let only = |events: &[EventKind]| serde_json::json!({ "events": events });
    let file = "post_build: {image: a, secrets: [KEY], commands: [b]}\n";
    let triggers = [push("main"), tag("v1"), manual("main")];
    for given in &triggers {
        let kind = given.event.kind();
        judged(file, given, &[only(&[kind])]).expect("its own event");
        let others: Vec<EventKind> = EventKind::ALL.into_iter().filter(|one| *one != kind).collect();
        let (lines, message) = refused(file, given, &[only(&others)]);
        assert_eq!(lines, [1]);
        assert!(message.contains(&format!("this run is of a {kind}")), "{message}");
    }
    let integration = "integration: {image: a, secrets: [KEY], commands: [b]}\n";
    assert!(judged(integration, &pull_request("main"), &[only(&[EventKind::Push])]).is_err());
    judged(integration, &pull_request("main"), &[only(&[EventKind::PullRequest])]).expect("its own event");
}

#[test]
fn sec_72_a_secret_stays_in_its_images() {
    let images = |patterns: &[&str]| serde_json::json!({ "images": patterns });
    let (lines, message) = refused(FILE, &push("main"), &[images(&["tools/*", "golang"])]);
    assert_eq!(lines, [2, 6]);
    assert!(
        message.contains("limited to images golang, tools/*, and this is the image postgres:16"),
        "{message}"
    );
    for (image, why) in [
        ("\"deploy:${CIRCLE_VERSION}\"", "not known before the run"),
        ("BUILT_IMAGE", "this is the image BUILT_IMAGE"),
        ("evil.example.org/deploy", "this is the image evil.example.org/deploy"),
        ("\"deploy:3\"", "this is the image deploy:3"),
    ] {
        let file = format!("build: {{}}\npost_build: {{image: {image}, secrets: [KEY], commands: [b]}}\n");
        let (lines, message) = refused(&file, &push("main"), &[images(&["deploy:2"])]);
        assert_eq!(lines, [2]);
        assert!(message.contains(why), "{image}: {message}");
    }
    let (_, message) = refused("build: {secrets: [KEY]}\n", &push("main"), &[images(&["**"])]);
    assert!(message.contains("a Dockerfile's commands"), "{message}");
}

#[test]
fn the_nearest_place_that_gives_it_counts() {
    let (narrow, wide) = (serde_json::json!({"stages": ["post_build"]}), serde_json::json!({}));
    judged(FILE, &push("main"), &[narrow.clone(), wide]).expect("what is wide is for the rest");
    let other = serde_json::json!({"stages": ["integration"]});
    let (lines, message) = refused(FILE, &push("main"), &[narrow, other]);
    assert_eq!(lines, [6]);
    assert!(message.contains("post_build"), "the nearest is told: {message}");
}
