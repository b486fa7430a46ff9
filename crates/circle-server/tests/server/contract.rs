//! The whole description against a real server: `make test-real` lets schemathesis call every route with whatever the
//! description allows, and with what it forbids.

use std::path::Path;
use std::process::Stdio;

use reqwest::Method;
use serde_json::json;
use tokio::process::Command;

use crate::support::{Circle, PIPELINE, Played, Repo};

/// Calls to each route, besides those that every kind of value gets once.
const EXAMPLES: &str = "25";
/// What an answer may not be: a fault of the server, or something that the description does not say.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs schemathesis: make test-real installs it"]
async fn contract_no_route_fails_or_answers_what_the_description_does_not_say() {
    let program = std::env::var("CIRCLE_SCHEMATHESIS").expect("make test-real says where schemathesis is");
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    furnish(&circle, &repo).await;
    let description = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.json");
    let folder = circle.folder.path().join("contract");
    std::fs::create_dir(&folder).expect("a folder");
    let output = Command::new(program)
        .arg("run")
        .arg(description)
        .args([
            "--url",
            &circle.url,
            "--checks",
            CHECKS,
            "--max-examples",
            EXAMPLES,
            "--seed",
            "7",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--continue-on-failure",
            "--request-timeout",
            "70",
        ])
        // One at a time: Python 3.11 may fail to read its own source in two threads at once.
        .args(["--warnings", "off", "--workers", "1", "--suppress-health-check", "all"])
        // Events have no end.
        .args(["--exclude-operation-id", "run_events"])
        .args(["-H", &format!("Authorization: Bearer {}", circle.token)])
        .env("NO_COLOR", "1")
        .current_dir(&folder)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("schemathesis starts");
    let said = String::from_utf8_lossy(&output.stdout);
    if let Ok(kept) = std::env::var("CIRCLE_CONTRACT_REPORT") {
        std::fs::write(kept, said.as_bytes()).expect("the report is written");
    }
    let shown: String = said
        .chars()
        .rev()
        .take(6_000)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    assert!(
        output.status.success(),
        "{shown}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    circle.api.health().await.expect("the server still answers");
}

/// One of everything, so that names lead somewhere.
async fn furnish(circle: &Circle, repo: &Repo) {
    circle.service("shop", repo.url()).await;
    let things = [
        ("registries", json!({ "name": "hub", "address": "hub.example.org" })),
        (
            "targets",
            json!({ "name": "cluster", "swarm": { "endpoint": "tcp://127.0.0.1:1" } }),
        ),
        ("environments", json!({ "name": "prod", "target": "cluster" })),
    ];
    for (place, body) in things {
        let request = circle.http.request(
            Method::POST,
            format!("{}/api/v1/workspaces/default/{place}", circle.url),
        );
        let made = request
            .bearer_auth(&circle.token)
            .json(&body)
            .send()
            .await
            .expect("an answer");
        assert_eq!(made.status(), 201, "{place}");
    }
    Played::enrol(circle, "w", 1).await;
    circle.trigger("shop").await;
}
