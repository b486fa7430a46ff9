//! Resources as people manage them, and errors as they read them.

use circle_api::resources::{
    PageQuery, RegistryChange, RegistryCreate, RunQuery, RunState, ServiceChange, WorkspaceCreate,
};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;

use crate::support::{Circle, PIPELINE, Played, Repo, slug};

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_problem_documents_that_say_what_to_do() {
    let circle = Circle::start().await;
    let missing = circle.get("/api/v1/workspaces/default/services/nothing").await;
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = missing.json().await.expect("a problem");
    assert_eq!(
        (problem["type"].as_str(), problem["status"].as_u64()),
        (Some("circle:not-found"), Some(404))
    );
    assert_eq!(problem["detail"], "there is no service \"nothing\"");
    let body = r#"{"name":"x","address":"https://r/","username":"","extra":1}"#;
    let request = circle
        .http
        .post(format!("{}/api/v1/workspaces/default/registries", circle.url));
    let request = request
        .bearer_auth(&circle.token)
        .header("content-type", "application/json");
    let refused = request
        .try_clone()
        .expect("a copy")
        .body(body)
        .send()
        .await
        .expect("an answer");
    assert_eq!(refused.status(), 400);
    let refused = request
        .body(body.replace(r#","extra":1"#, ""))
        .send()
        .await
        .expect("an answer");
    let problem: serde_json::Value = refused.json().await.expect("a problem");
    let fields: Vec<_> = problem["errors"]
        .as_array()
        .expect("faults")
        .iter()
        .map(|one| one["field"].clone())
        .collect();
    assert_eq!(fields, ["address", "username"], "{problem}");
    let nowhere = circle.get("/api/v1/nowhere").await;
    assert_eq!(
        (
            nowhere.status().as_u16(),
            nowhere.headers()["content-type"].to_str().ok()
        ),
        (404, Some("application/problem+json"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_unique_and_what_is_used_stays() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let again = circle
        .api
        .create_workspace(&WorkspaceCreate { name: slug("default") })
        .await
        .expect_err("a known name");
    assert_eq!(again.status(), Some(409));
    let used = circle
        .api
        .remove_workspace(DEFAULT_WORKSPACE)
        .await
        .expect_err("it has a service");
    assert!(used.to_string().contains("1 services"), "{used}");
    let change = ServiceChange {
        max_parallel: Some(0),
        max_parallel_ref: None,
        ..ServiceChange::default()
    };
    let refused = circle
        .api
        .change_service(DEFAULT_WORKSPACE, "shop", &change)
        .await
        .expect_err("none at all");
    assert_eq!(refused.status(), Some(422));
    circle
        .api
        .remove_service(DEFAULT_WORKSPACE, "shop")
        .await
        .expect("removed");
    assert!(
        circle
            .api
            .service(DEFAULT_WORKSPACE, "shop")
            .await
            .expect_err("gone")
            .is_not_found()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_moves_loses_its_password() {
    let circle = Circle::start().await;
    let wish = RegistryCreate {
        name: slug("main"),
        address: "one.example.org".into(),
        username: Some("u".into()),
        password: Some(SecretValue::new("p")),
    };
    assert!(
        circle
            .api
            .create_registry(DEFAULT_WORKSPACE, &wish)
            .await
            .expect("made")
            .has_password
    );
    let moved = RegistryChange {
        address: Some("two.example.org".into()),
        ..RegistryChange::default()
    };
    let view = circle
        .api
        .change_registry(DEFAULT_WORKSPACE, "main", &moved)
        .await
        .expect("changed");
    assert_eq!((view.address.as_str(), view.has_password), ("two.example.org", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_read_page_by_page() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    for _ in 0..5 {
        circle.trigger("shop").await;
    }
    let mut numbers = Vec::new();
    let mut query = RunQuery {
        limit: Some(2),
        ..RunQuery::default()
    };
    loop {
        let page = circle.api.runs(DEFAULT_WORKSPACE, &query).await.expect("a page");
        numbers.extend(page.items.iter().map(|run| run.number));
        let Some(next) = page.next else { break };
        query.cursor = Some(next);
    }
    assert_eq!(numbers, [5, 4, 3, 2, 1]);
    let none = RunQuery {
        state: Some(RunState::Failed),
        ..RunQuery::default()
    };
    assert!(
        circle
            .api
            .runs(DEFAULT_WORKSPACE, &none)
            .await
            .expect("a page")
            .items
            .is_empty()
    );
    let wrong = PageQuery {
        cursor: Some("nonsense".into()),
        limit: None,
    };
    let refused = circle.api.workers(&wrong).await.expect_err("no cursor");
    assert!(matches!(refused.status(), Some(422 | 400)), "{refused}");
    let server = circle.api.server().await.expect("the server");
    assert_eq!((server.queued_runs, server.connected_workers), (5, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_happened_and_name_nobody() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "builder", 3).await;
    let _orders = worker.orders().await;
    let run = circle.trigger("shop").await;
    let scrape = async || {
        let answer = circle.get("/metrics").await;
        assert_eq!(answer.status(), 200);
        let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
        assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
        answer.text().await.expect("text")
    };
    let says = |text: &str, line: &str| assert!(text.lines().any(|known| known == line), "no {line} in\n{text}");
    says(&scrape().await, "circle_runs_waiting 1");
    let mut job = worker.claim(run).await;
    let text = scrape().await;
    for line in [
        "circle_runs_waiting 0",
        "circle_runs_active 1",
        "circle_workers_connected 1",
        "circle_cells{state=\"busy\"} 1",
        "circle_cells{state=\"free\"} 2",
        "circle_run_wait_seconds_count 1",
    ] {
        says(&text, line);
    }
    job.fail("enough").await;
    circle.ended(run).await;
    let text = scrape().await;
    says(&text, "circle_runs_ended_total{verdict=\"failed\"} 1");
    says(
        &text,
        "circle_http_answers_total{method=\"GET\",route=\"/metrics\",status=\"2xx\"} 2",
    );
    for name in ["shop", "builder", &run.to_string()] {
        assert!(!text.contains(name), "{name} is told in\n{text}");
    }
}
