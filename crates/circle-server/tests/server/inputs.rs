//! Inputs of runs by hand: judged by the file at the very commit, kept with the run, never part of a command.

use circle_api::client::ApiError;
use circle_api::resources::starting::InputsQuery;
use circle_api::resources::{DeliveryState, RerunRequest, TriggerRequest};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_core::plan::Work;
use serde_json::{Value, json};

use crate::support::{Circle, Hook, Played, Repo};

const FILE: &str = "inputs:
  version: {pattern: \"[0-9.]+\", required: true, description: What to release}
  copies: {type: number, min: 1, max: 9, default: 2}
  dry_run: {type: boolean, default: false}
  place: {type: choice, options: [qa, live]}
pre_build:
  image: busybox
  environment: {PLACE: \"${CIRCLE_INPUT_PLACE:-nowhere}\"}
  commands: ['echo \"$CIRCLE_INPUT_VERSION\"']
  outputs: [out]
build: {}
";

async fn ask(circle: &Circle, body: Value) -> (u16, Value) {
    let url = format!("{}/api/v1/workspaces/default/runs", circle.url);
    let request = circle.http.post(url).bearer_auth(&circle.token).json(&body);
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.expect("JSON"))
}

fn fields(problem: &Value) -> Vec<(&str, &str)> {
    let errors = problem["errors"].as_array().expect("faults").iter();
    errors
        .map(|one| {
            (
                one["field"].as_str().expect("a field"),
                one["message"].as_str().expect("a message"),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_has_what_was_given_and_a_rerun_has_it_again() {
    let (circle, repo) = (Circle::start().await, Repo::with(FILE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 2).await;
    // Types as JSON has them, or texts.
    let given = json!({ "version": "1.2", "copies": 3, "dry_run": true, "place": "live" });
    let (status, triggered) = ask(&circle, json!({ "service": "shop", "inputs": given })).await;
    assert_eq!(status, 201, "{triggered}");
    let run = triggered["run"]["id"].as_str().expect("an id").parse().expect("an id");
    let wanted = json!({ "version": "1.2", "copies": "3", "dry_run": "true", "place": "live" });
    assert_eq!(json!(circle.run(run).await.inputs), wanted);
    let mut job = worker.claim(run).await;
    let facts = &job.assignment.facts;
    assert_eq!(
        json!(facts.trigger.inputs),
        wanted,
        "the worker makes variables of them"
    );
    let commands: Vec<_> = job
        .assignment
        .plan
        .stages
        .iter()
        .map(|stage| format!("{:?}", stage.work))
        .collect();
    assert!(commands.concat().contains("$CIRCLE_INPUT_VERSION"), "{commands:?}");
    let is_checkout = |work: &Work| matches!(work, Work::Checkout { .. });
    assert!(is_checkout(&job.assignment.plan.stages[0].work));
    job.fail("no more of it").await;
    let again = circle.api.rerun(run, &RerunRequest::default()).await.expect("a rerun");
    assert_eq!(json!(circle.run(again.id).await.inputs), wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_names_its_field_and_nothing_runs() {
    let (circle, repo) = (Circle::start().await, Repo::with(FILE).await);
    circle.service("shop", repo.url()).await;
    let given = json!({ "version": "1.2; rm -rf /", "copies": 12, "place": "moon", "vresion": "1" });
    let (status, problem) = ask(&circle, json!({ "service": "shop", "inputs": given })).await;
    assert_eq!(
        (status, problem["type"].as_str()),
        (422, Some("circle:invalid")),
        "{problem}"
    );
    let wanted = [
        (
            "inputs.vresion",
            "the pipeline file at this commit declares no such input; it has version, copies, dry_run, place",
        ),
        ("inputs.version", "the whole of it must match [0-9.]+"),
        ("inputs.copies", "it is at most 9"),
        ("inputs.place", "it takes one of: qa, live"),
    ];
    assert_eq!(fields(&problem), wanted);
    let (status, problem) = ask(&circle, json!({ "service": "shop" })).await;
    assert_eq!(
        (status, fields(&problem)),
        (422, vec![("inputs.version", "it must be given")])
    );
    let runs = circle
        .api
        .runs(DEFAULT_WORKSPACE, &Default::default())
        .await
        .expect("runs");
    assert!(runs.items.is_empty(), "{runs:?}");
    let kept = circle
        .api
        .deliveries(DEFAULT_WORKSPACE, &Default::default())
        .await
        .expect("deliveries");
    let DeliveryState::Refused { errors, .. } = &kept.items[0].state else {
        panic!("{:?}", kept.items[0].state);
    };
    assert_eq!(errors[0].field.as_deref(), Some("inputs.version"));
    for odd in [json!({ "version": ["1.2"] }), json!({ "version": null }), json!("1.2")] {
        assert_eq!(ask(&circle, json!({ "service": "shop", "inputs": odd })).await.0, 400);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_at_the_very_commit_decides() {
    let (circle, repo) = (Circle::start().await, Repo::empty().await);
    let before = repo.push_file("caicloud.yml", "build: {}\n", "main").await;
    repo.push_file("caicloud.yml", FILE, "main").await;
    circle.service("shop", repo.url()).await;
    let of = async |commit: Option<&str>| {
        let query: InputsQuery = serde_json::from_value(json!({ "commit": commit })).expect("a query");
        circle.api.inputs(DEFAULT_WORKSPACE, "shop", &query).await
    };
    let newest = of(None).await.expect("inputs");
    let told = serde_json::to_value(&newest.inputs).expect("JSON");
    assert_eq!(told[0]["name"], "version");
    assert_eq!(
        (&told[1]["type"], &told[1]["default"], &told[1]["max"]),
        (&json!("number"), &json!("2"), &json!(9.0))
    );
    assert_eq!(
        (&told[3]["options"], &told[3]["variable"]),
        (&json!(["qa", "live"]), &json!("CIRCLE_INPUT_PLACE"))
    );
    assert!(of(Some(&before)).await.expect("inputs").inputs.is_empty());
    let wish = |commit: &str| -> TriggerRequest {
        let wish = json!({ "service": "shop", "commit": commit, "inputs": { "version": "1" } });
        serde_json::from_value(wish).expect("a wish")
    };
    let refused = circle
        .api
        .trigger(DEFAULT_WORKSPACE, &wish(&before))
        .await
        .expect_err("it declares none");
    let ApiError::Problem(problem) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(
        problem.errors[0].message,
        "the pipeline file at this commit declares no inputs"
    );
    let run = circle
        .api
        .trigger(DEFAULT_WORKSPACE, &wish(&newest.commit))
        .await
        .expect("triggered")
        .run;
    assert_eq!(circle.run(run.expect("a run").id).await.inputs["copies"], "2");
    let gone = of(Some(&"b".repeat(40))).await.expect_err("there is no such commit");
    assert_eq!(gone.status(), Some(409), "{gone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_has_the_defaults_and_asks_for_nothing() {
    let (circle, repo) = (Circle::start().await, Repo::empty().await);
    let commit = repo.push_file("caicloud.yml", FILE, "main").await;
    let created = circle.service("shop", repo.url()).await;
    let state = Hook::push("refs/heads/main", &commit)
        .settled(&circle, &created.hook)
        .await;
    let DeliveryState::Run { run } = state else {
        panic!("{state:?}")
    };
    assert_eq!(
        json!(circle.run(run).await.inputs),
        json!({ "copies": "2", "dry_run": "false" })
    );
}
