//! What is secret goes in and never comes out; what others wrote is shown and never run.

use circle_api::resources::{RegistryCreate, SecretScope, SecretSet};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use circle_core::names::VariableName;
use circle_server::openapi;

use crate::support::{Circle, Played, Repo, slug};

const SEALED: &str = "correct-horse-battery-staple";
const PASSWORD: &str = "registry-password-of-main";
const LOGIN: &str = "clone-password-of-shop";
const ENCODED: &str = "%3Cscript%3Estolen()%3C%2Fscript%3E";
const PIPELINE: &str = "integration:\n  image: busybox\n  commands: [test]\n  secrets: [TOKEN]\nbuild: {}\n";

fn secret(name: &str, value: &str, scope: SecretScope) -> SecretSet {
    SecretSet {
        scope,
        name: VariableName::new(name).expect("a name"),
        value: SecretValue::new(value),
        limits: None,
    }
}

/// A service whose registry, repository and pipeline have secrets of every kind.
async fn with_secrets(circle: &Circle, repo: &Repo) {
    let api = &circle.api;
    let registry = RegistryCreate {
        name: slug("main"),
        address: "registry.example.org".into(),
        username: Some("pusher".into()),
        password: Some(SecretValue::new(PASSWORD)),
    };
    api.create_registry(DEFAULT_WORKSPACE, &registry)
        .await
        .expect("a registry");
    circle.service("shop", repo.url()).await;
    let token = secret("TOKEN", SEALED, SecretScope::Workspace);
    api.set_secret(DEFAULT_WORKSPACE, &token).await.expect("set");
    circle.service("private", "https://git.example.org/private.git").await;
    let credential = serde_json::json!({ "kind": "password", "username": "deploy", "password": LOGIN });
    let url = format!("{}/api/v1/workspaces/default/services/private/credential", circle.url);
    let put = circle.http.put(url).bearer_auth(&circle.token).json(&credential);
    assert_eq!(put.send().await.expect("an answer").status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_21_a_value_that_is_too_short_to_be_masked_is_refused() {
    let circle = Circle::start().await;
    for short in ["", "hunter2", "sieben\n", "\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}"] {
        let wish = secret("TOKEN", short, SecretScope::Workspace);
        let refused = circle
            .api
            .set_secret(DEFAULT_WORKSPACE, &wish)
            .await
            .expect_err("refused");
        assert_eq!(refused.status(), Some(422), "{refused}");
        let told = refused.to_string();
        assert!(told.contains("at least 8 characters"), "{told}");
        assert!(short.is_empty() || !told.contains(short.trim()), "{told}");
    }
    let wish = secret("TOKEN", "hunter22", SecretScope::Workspace);
    circle
        .api
        .set_secret(DEFAULT_WORKSPACE, &wish)
        .await
        .expect("long enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_25_no_route_that_a_person_may_ask_gives_a_secret_back() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    with_secrets(&circle, &repo).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let run = circle.trigger("shop").await;
    let job = worker.claim(run).await;
    // The worker alone is given it: the test would see it if a route told it.
    assert_eq!(job.secret("TOKEN"), SEALED);
    job.log(job.chunk("checkout", (0, 0), b"a line\n")).await;
    let api = serde_json::to_value(openapi()).expect("JSON");
    let mut asked = 0;
    for (path, item) in api["paths"].as_object().expect("paths") {
        if item.get("get").is_none() {
            continue;
        }
        for name in ["shop", "private", "main", "TOKEN"] {
            let filled = path
                .replace("{workspace}", "default")
                .replace("{run}", &run.to_string())
                .replace("{stage}", "checkout")
                .replace("{number}", "1");
            let filled: String = filled
                .split('/')
                .map(|part| if part.starts_with('{') { name } else { part })
                .collect::<Vec<_>>()
                .join("/");
            let mut answer = circle.get(&filled).await;
            assert_ne!(answer.status().as_u16() / 100, 5, "{filled}");
            let kind = answer
                .headers()
                .get("content-type")
                .map(|kind| kind.as_bytes().to_vec());
            // Events have no end: what they begin with is looked at.
            let body = if kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
                let first = answer.chunk().await.expect("a beginning").unwrap_or_default();
                String::from_utf8_lossy(&first).into_owned()
            } else {
                answer.text().await.expect("a body")
            };
            for value in [SEALED, PASSWORD, LOGIN] {
                assert!(!body.contains(value), "{filled} gives a secret back: {body}");
            }
            asked += 1;
        }
    }
    assert!(asked > 80, "only {asked} questions were asked");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_37_a_log_is_a_download_and_never_a_page() {
    let (circle, repo) = (Circle::start().await, Repo::with("build: {}\n").await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let run = circle.trigger("shop").await;
    let job = worker.claim(run).await;
    let page = b"<!doctype html><script>stolen()</script>";
    assert_eq!(job.log(job.chunk("checkout", (0, 0), page)).await.status(), 200);
    let path = format!("{}/api/v1/runs/{run}/log/checkout", circle.url);
    for range in [None, Some("bytes=0-9")] {
        let mut request = circle.http.get(&path).bearer_auth(&circle.token);
        if let Some(range) = range {
            request = request.header("range", range);
        }
        let answer = request.send().await.expect("an answer");
        let headers = answer.headers();
        let disposition = headers["content-disposition"].to_str().expect("text");
        assert!(disposition.starts_with("attachment"), "{disposition}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_37_outputs_are_a_download_and_never_a_page() {
    let (circle, repo) = (Circle::start().await, Repo::with("build: {}\n").await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let run = circle.trigger("shop").await;
    let mut job = worker.claim(run).await;
    job.stage_with("checkout", "<!doctype html><script>stolen()</script>")
        .await;
    let answer = circle.get(&format!("/api/v1/runs/{run}/outputs/checkout")).await;
    assert_eq!(answer.status(), 200);
    let headers = answer.headers();
    assert_eq!(headers["content-disposition"], "attachment; filename=\"outputs.tar\"");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    assert_eq!(headers["content-type"], "application/x-tar");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_48_what_others_wrote_is_never_served_as_a_page() {
    let script = "<script>stolen()</script>";
    let (circle, repo) = (Circle::start().await, Repo::with("build: {}\n").await);
    circle.service("shop", repo.url()).await;
    repo.inner.commit(script).await.expect("a commit");
    repo.inner.push(&format!("refs/heads/{script}")).await.expect("a push");
    let run = circle.trigger_branch("shop", Some(script)).await;
    for path in [
        format!("/api/v1/runs/{run}"),
        "/api/v1/runs".to_owned(),
        format!("/api/v1/runs/{ENCODED}"),
        format!("/{ENCODED}"),
    ] {
        let answer = circle.get(&path).await;
        let kind = answer.headers()["content-type"].to_str().expect("text").to_owned();
        assert!(
            kind == "application/json" || kind == "application/problem+json",
            "{path}: {kind}"
        );
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
    }
    let told = circle
        .get(&format!("/api/v1/runs/{run}"))
        .await
        .text()
        .await
        .expect("a run");
    assert!(told.contains("stolen()"), "the branch is told as it is called: {told}");
    // The page is one document, whatever stands in its address.
    let plain = circle.get("/").await.text().await.expect("a page");
    let page = circle.get(&format!("/runs/{ENCODED}")).await;
    assert_eq!(page.text().await.expect("a page"), plain);
}
