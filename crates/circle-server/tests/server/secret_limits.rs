//! Secrets that are limited to stages, events and images: judged when a run is planned and again when it is claimed.

use circle_api::resources::{SecretLimits, SecretScope, SecretSet};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Circle, Played, Repo, slug};

/// Who names `KEY` at lines 3 and 6.
const PIPELINE: &str = "integration:
  image: golang
  secrets: [KEY]
  commands: [test]
post_build:
  secrets: [KEY]
  image: tools/deploy:2
  commands: [sync]
";
const SECRETS: &str = "/api/v1/workspaces/default/secrets";

fn secret(scope: SecretScope, value: &str, limits: Option<Value>) -> SecretSet {
    let limits: Option<SecretLimits> = limits.map(|limits| serde_json::from_value(limits).expect("limits"));
    SecretSet {
        scope,
        name: "KEY".parse().expect("a name"),
        value: SecretValue::new(value),
        limits,
    }
}

fn of_shop() -> SecretScope {
    SecretScope::Service { service: slug("shop") }
}

async fn shop(pipeline: &str) -> (Circle, Repo) {
    let (circle, repo) = (Circle::start().await, Repo::with(pipeline).await);
    circle.service("shop", repo.url()).await;
    (circle, repo)
}

async fn set(circle: &Circle, wish: SecretSet) {
    circle.api.set_secret(DEFAULT_WORKSPACE, &wish).await.expect("set");
}

/// Each step with what it was given.
fn given(job: &crate::support::Job) -> Vec<(String, String)> {
    let all = job.assignment.secrets.iter();
    all.map(|(step, _, value)| (step.to_owned(), value.expose().to_owned()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_72_a_file_that_asks_for_more_than_the_limits_give_does_not_run() {
    let (circle, _repo) = shop(PIPELINE).await;
    let limits = json!({ "stages": ["post_build"], "events": ["push"], "images": ["tools/*"] });
    set(&circle, secret(SecretScope::Workspace, "value-of-all", Some(limits))).await;
    let view = circle.ended(circle.trigger("shop").await).await;
    let message = view.run.message.expect("a reason");
    for said in [
        "caicloud.yml",
        ":3:",
        "KEY",
        "limited to stage post_build, and this is integration",
        ":6:",
        "limited to event push, and this run is of a manual",
    ] {
        assert!(message.contains(said), "{said} in {message}");
    }
    let worker = Played::enrol(&circle, "w", 1).await;
    assert_eq!(
        worker.try_claim(view.run.id).await.status(),
        StatusCode::CONFLICT,
        "nothing of it runs"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_72_each_step_is_given_its_own_value_and_no_other() {
    let (circle, _repo) = shop(PIPELINE).await;
    set(&circle, secret(SecretScope::Workspace, "value-of-all", None)).await;
    let limits = json!({ "images": ["tools/*"], "events": ["manual", "tag"] });
    set(&circle, secret(of_shop(), "value-of-shop", Some(limits))).await;
    let worker = Played::enrol(&circle, "w", 4).await;
    let job = worker.claim(circle.trigger("shop").await).await;
    let expected = [("integration", "value-of-all"), ("post_build", "value-of-shop")];
    assert_eq!(given(&job), expected.map(|(step, value)| (step.into(), value.into())));
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_72_limits_are_judged_again_when_a_worker_takes_the_run() {
    let (circle, _repo) = shop(PIPELINE).await;
    set(&circle, secret(SecretScope::Workspace, "value-of-all", None)).await;
    let worker = Played::enrol(&circle, "w", 4).await;
    let run = circle.trigger("shop").await;
    circle.run(run).await;
    // Between plan and claim somebody limits it; the value stays what it was.
    let limits = json!({ "stages": ["integration"] });
    set(&circle, secret(SecretScope::Workspace, "newer-value", Some(limits))).await;
    let job = worker.claim(run).await;
    assert_eq!(given(&job), [("integration".to_owned(), "newer-value".to_owned())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_shown_stay_and_go_when_somebody_says_so() {
    let (circle, _repo) = shop(PIPELINE).await;
    let limits = json!({ "stages": ["post_build"], "events": ["tag"], "images": ["alpine"] });
    let shown = async |wish: SecretSet| {
        let view = circle.api.set_secret(DEFAULT_WORKSPACE, &wish).await.expect("set");
        let listed = circle.api.secrets(DEFAULT_WORKSPACE, &Default::default()).await;
        assert_eq!(listed.expect("a list").items, std::slice::from_ref(&view));
        serde_json::to_value(view.limits).expect("JSON")
    };
    assert_eq!(
        shown(secret(of_shop(), "first-value", Some(limits.clone()))).await,
        limits
    );
    assert_eq!(
        shown(secret(of_shop(), "other-value", None)).await,
        limits,
        "a new value keeps them"
    );
    let none = json!({ "stages": [], "events": [], "images": [] });
    assert_eq!(shown(secret(of_shop(), "third-value", Some(json!({})))).await, none);
    for wrong in [
        json!({ "stages": ["deploy"] }),
        json!({ "events": ["full_moon"] }),
        json!({ "images": ["A B"] }),
        json!({ "images": vec!["alpine"; 33] }),
        json!({ "branches": ["main"] }),
    ] {
        let mut body = serde_json::to_value(secret(of_shop(), "fourth-value", None)).expect("JSON");
        body["limits"] = wrong.clone();
        let refused = circle
            .http
            .put(format!("{}{SECRETS}", circle.url))
            .bearer_auth(&circle.token);
        let refused = refused.json(&body).send().await.expect("an answer");
        assert!(refused.status().is_client_error(), "{wrong}");
        let told = refused.text().await.expect("a problem");
        assert!(!told.contains("fourth-value"), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_replaced_and_removed_as_it_was_read() {
    let (circle, _repo) = shop(PIPELINE).await;
    let ask = async |method: Method, path: &str, tag: Option<&str>, body: Option<&SecretSet>| {
        let mut request = circle
            .http
            .request(method, format!("{}{path}", circle.url))
            .bearer_auth(&circle.token);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await.expect("an answer");
        let tag = answer
            .headers()
            .get("etag")
            .map(|tag| tag.to_str().expect("text").to_owned());
        (answer.status().as_u16(), tag.unwrap_or_default())
    };
    let wish = secret(of_shop(), "first-value", None);
    let nothing_there = ask(Method::PUT, SECRETS, Some("*"), Some(&wish)).await;
    assert_eq!(nothing_there.0, 412, "there is none to replace");
    let (status, first) = ask(Method::PUT, SECRETS, None, Some(&wish)).await;
    assert_eq!(status, 200);
    let listed = circle.api.secrets(DEFAULT_WORKSPACE, &Default::default()).await;
    let path = format!("{SECRETS}/{}", listed.expect("a list").items[0].id);
    assert_eq!(ask(Method::GET, &path, None, None).await, (200, first.clone()));
    let (status, second) = ask(Method::PUT, SECRETS, Some(&first), Some(&wish)).await;
    assert!(status == 200 && second != first, "{status} {second}");
    assert_eq!(ask(Method::PUT, SECRETS, Some(&first), Some(&wish)).await.0, 412);
    assert_eq!(ask(Method::DELETE, &path, Some(&first), None).await.0, 412);
    assert_eq!(ask(Method::GET, &path, None, None).await, (200, second.clone()));
    assert_eq!(ask(Method::DELETE, &path, Some(&second), None).await.0, 204);
    assert_eq!(ask(Method::GET, &path, None, None).await.0, 404);
}
