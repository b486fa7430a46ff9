//! Inputs of runs by hand: judged by the file at the very commit and by the service, kept with the run, never part of a command.

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
            "no such input is declared at this commit; there are: version, copies, dry_run, place",
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
    assert_eq!(problem.errors[0].message, "no inputs are declared at this commit");
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

/// Declares inputs on the service, with the answer.
async fn declare(circle: &Circle, inputs: Value, tag: Option<&str>) -> (u16, Value, String) {
    let url = format!("{}/api/v1/workspaces/default/services/shop", circle.url);
    let mut request = circle.http.patch(url).bearer_auth(&circle.token);
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    let response = request
        .json(&json!({ "inputs": inputs }))
        .send()
        .await
        .expect("an answer");
    let tag = response
        .headers()
        .get("etag")
        .map(|tag| tag.to_str().expect("text").to_owned());
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"), tag.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_declares_what_the_file_does_not_and_its_defaults_count() {
    let (circle, repo) = (Circle::start().await, Repo::with(FILE).await);
    circle.service("shop", repo.url()).await;
    let (status, view, tag) = declare(
        &circle,
        json!({
            "copies": { "type": "number", "default": 4 },
            "tone": { "type": "choice", "options": ["loud", "low"], "default": "low" },
            "version": { "type": "string", "default": "9.9" },
        }),
        None,
    )
    .await;
    assert_eq!((status, &view["inputs"][1]["name"]), (200, &json!("tone")), "{view}");
    let query = InputsQuery::default();
    let told = circle
        .api
        .inputs(DEFAULT_WORKSPACE, "shop", &query)
        .await
        .expect("inputs");
    let told = json!(told.inputs);
    let places: Vec<_> = told
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| {
            (
                one["name"].as_str().expect("a name"),
                one["from"].as_str().expect("a place"),
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            ("version", "both"),
            ("copies", "both"),
            ("dry_run", "file"),
            ("place", "file"),
            ("tone", "service")
        ]
    );
    assert_eq!((&told[1]["max"], &told[1]["default"]), (&json!(9.0), &json!("4")));
    assert_eq!(told[0]["required"], json!(false), "the service answered it");

    // By hand, by a push, and again after a restart.
    let circle = circle.restart().await;
    let (status, triggered) = ask(&circle, json!({ "service": "shop", "inputs": { "tone": "loud" } })).await;
    assert_eq!(status, 201, "{triggered}");
    let run = triggered["run"]["id"].as_str().expect("an id").parse().expect("an id");
    let wanted = json!({ "version": "9.9", "copies": "4", "dry_run": "false", "tone": "loud" });
    assert_eq!(json!(circle.run(run).await.inputs), wanted);
    let (status, problem) = ask(&circle, json!({ "service": "shop", "inputs": { "copies": 12 } })).await;
    assert_eq!(
        (status, fields(&problem)),
        (422, vec![("inputs.copies", "it is at most 9")])
    );

    // Two people who declare different inputs do not undo each other; who says what they saw is held to it.
    let (status, view, _) = declare(&circle, json!({ "tone": null, "nothing": null }), Some(&tag)).await;
    assert_eq!((status, view["inputs"].as_array().expect("a list").len()), (200, 2));
    let (status, _, _) = declare(&circle, json!({ "copies": null }), Some(&tag)).await;
    assert_eq!(status, 412, "somebody changed it meanwhile");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declaration_of_the_service_is_refused_by_its_field_and_seen_in_the_audit() {
    let (circle, repo) = (Circle::start().await, Repo::with(FILE).await);
    circle.service("shop", repo.url()).await;
    for (declaration, told) in [
        (
            json!({ "type": "boolean", "options": ["a"] }),
            "`options` has no meaning",
        ),
        (
            json!({ "type": "choice", "options": ["a"], "min": 1 }),
            "`min` has no meaning",
        ),
        (json!({ "type": "string", "max": 1.5 }), "whole numbers"),
        (json!({ "type": "string", "max": 5000 }), "from 0 to 1000"),
        (json!({ "type": "choice" }), "nothing can be chosen"),
        (json!({ "type": "number", "default": "many" }), "its own default"),
    ] {
        let (status, problem, _) = declare(&circle, json!({ "bad": declaration }), None).await;
        assert_eq!((status, fields(&problem)[0].0), (422, "inputs.bad"), "{problem}");
        assert!(fields(&problem)[0].1.contains(told), "{problem}");
    }
    for odd in [json!({ "type": "secret" }), json!({ "options": ["a"] }), json!(1)] {
        assert_eq!(declare(&circle, json!({ "bad": odd }), None).await.0, 400);
    }
    let many: serde_json::Map<_, _> = (0..21)
        .map(|at| (format!("i{at}"), json!({ "type": "boolean" })))
        .collect();
    let (status, problem, _) = declare(&circle, Value::Object(many), None).await;
    assert_eq!(status, 422);
    assert!(fields(&problem)[0].1.contains("at most 20"), "{problem}");
    let (status, view, _) = declare(&circle, json!({ "good": { "type": "boolean" } }), None).await;
    assert_eq!(
        (status, &view["inputs"][0]["variable"]),
        (200, &json!("CIRCLE_INPUT_GOOD"))
    );
    let audit = circle
        .api
        .workspace_audit(DEFAULT_WORKSPACE, &Default::default())
        .await
        .expect("the audit");
    let changes: Vec<_> = audit
        .items
        .iter()
        .filter(|entry| entry.action == "change_service")
        .map(|entry| entry.status)
        .collect();
    assert_eq!((changes[0], changes[1]), (Some(200), Some(422)), "newest first");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_file_and_service_cannot_both_mean_is_told_and_never_guessed() {
    let (circle, repo) = (Circle::start().await, Repo::empty().await);
    let commit = repo.push_file("caicloud.yml", FILE, "main").await;
    let created = circle.service("shop", repo.url()).await;
    assert_eq!(
        declare(&circle, json!({ "place": { "type": "boolean" } }), None)
            .await
            .0,
        200
    );
    let why = "the file at this commit takes a choice, the service declares true or false: make them the same, or remove it from the service";
    let (status, problem) = ask(&circle, json!({ "service": "shop", "inputs": { "version": "1" } })).await;
    assert_eq!((status, fields(&problem)), (422, vec![("inputs.place", why)]));
    let told = circle
        .api
        .inputs(DEFAULT_WORKSPACE, "shop", &InputsQuery::default())
        .await;
    assert_eq!(told.expect_err("a conflict").status(), Some(409));
    // Nobody waits for the answer of a push: its run says it.
    let state = Hook::push("refs/heads/main", &commit)
        .settled(&circle, &created.hook)
        .await;
    let DeliveryState::Run { run } = state else {
        panic!("{state:?}")
    };
    let view = json!(circle.run(run).await);
    assert_eq!(view["verdict"]["failure"]["kind"], "bad_pipeline", "{view}");
    assert_eq!(view["verdict"]["failure"]["message"], format!("inputs.place: {why}"));
}
