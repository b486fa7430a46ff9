//! What people read of a run is made from its document; what programs read is fixed by these snapshots.

use circle_api::resources::{RunSummary, RunView, SecretScope, SecretSet, Surroundings, TriggerRequest};
use circle_core::run::Run;
use serde_json::json;

fn document() -> Run {
    let stage = |name: &str, state: serde_json::Value| {
        json!({"name": name, "kind": name, "state": state, "tries": 1, "phases": {"pull_ms": 5, "run_ms": 900},
            "output": null, "reused": false})
    };
    let since = "2026-01-02T03:04:05Z";
    let failure = json!({"kind": "command", "message": "`make` exited with 2", "stage": "build", "exit_code": 2});
    let document = json!({
        "id": "run_00000000000000000000000000000007", "workspace": "ws_00000000000000000000000000000001",
        "service": "svc_00000000000000000000000000000002", "service_name": "web", "number": 12,
        "trigger": {"event": {"kind": "push", "branch": "main"}, "git_ref": "refs/heads/main",
            "commit": "0123456789abcdef0123456789abcdef01234567", "commit_time": null, "title": "Mend the door",
            "actor": "hook", "trust": "member", "key": "k", "changed_paths": null},
        "priority": 0,
        "state": {"name": "ended", "at": "2026-01-02T03:04:09.5Z", "verdict": {"verdict": "failed", "failure": failure}},
        "plan": null, "parts": [],
        "stages": [
            stage("checkout", json!({"name": "succeeded", "since": since, "at": "2026-01-02T03:04:06Z"})),
            stage("build", json!({"name": "failed", "since": "2026-01-02T03:04:06Z", "at": "2026-01-02T03:04:09Z",
                "failure": failure})),
            stage("push", json!({"name": "not_run"})),
        ],
        "images": [], "deployments": [], "cancel": null, "rerun": null,
        "queue_deadline": since, "created_at": since, "updated_at": since
    });
    serde_json::from_value(document).expect("a run's document")
}

#[test]
fn a_failed_run_says_where_and_why() {
    let view = RunView::of(
        &document(),
        Surroundings {
            url: "http://localhost/runs/7".into(),
            ..Surroundings::default()
        },
    );
    insta::assert_json_snapshot!(view);
}

#[test]
fn a_summary_names_the_failed_stage_and_the_time_it_took() {
    let summary = RunSummary::from(&document());
    assert_eq!(summary.stage.as_deref(), Some("build"));
    assert_eq!(summary.message.as_deref(), Some("`make` exited with 2"));
    assert_eq!(summary.duration_ms, Some(4_500));
}

#[test]
fn requests_refuse_what_they_do_not_know() {
    let error = serde_json::from_value::<TriggerRequest>(json!({"service": "web", "brunch": "main"}));
    assert!(error.expect_err("a slip").to_string().contains("brunch"));
    let scope = serde_json::from_value::<SecretScope>(json!({"kind": "service", "service": "web", "x": 1}));
    assert!(scope.expect_err("a slip").to_string().contains('x'));
}

#[test]
fn a_secret_is_not_in_what_is_printed_of_a_request() {
    let set: SecretSet =
        serde_json::from_value(json!({"scope": {"kind": "workspace"}, "name": "TOKEN", "value": "hunter2"}))
            .expect("a request");
    assert!(!format!("{set:?}").contains("hunter2"), "{set:?}");
}
