//! What every program may rely on: calls that are sent again, changes of what was read, one shape of every refusal.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::{Circle, PIPELINE, Repo};

const WORKSPACES: &str = "/api/v1/workspaces";

struct Answer {
    status: StatusCode,
    is_replayed: bool,
    tag: Option<String>,
    body: Value,
}

async fn ask(circle: &Circle, method: Method, path: &str, header: Option<(&str, &str)>, body: Value) -> Answer {
    ask_as(circle, &circle.token, method, path, header, body).await
}

async fn ask_as(
    circle: &Circle,
    token: &str,
    method: Method,
    path: &str,
    header: Option<(&str, &str)>,
    body: Value,
) -> Answer {
    let mut request = circle
        .http
        .request(method, format!("{}{path}", circle.url))
        .bearer_auth(token);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    if !body.is_null() {
        request = request.json(&body);
    }
    let response = request.send().await.expect("an answer");
    let said = |name: &str| Some(response.headers().get(name)?.to_str().expect("text").to_owned());
    Answer {
        status: response.status(),
        is_replayed: said("idempotency-replayed").is_some(),
        tag: said("etag"),
        body: response.json().await.unwrap_or_default(),
    }
}

fn key(text: &str) -> Option<(&'static str, &str)> {
    Some(("idempotency-key", text))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_with_a_key_that_is_sent_again_makes_nothing_more() {
    let circle = Circle::start().await;
    let token = json!({ "name": "robot" });
    let make = async |circle: &Circle, body: &Value| {
        ask(circle, Method::POST, "/api/v1/tokens", key("k1"), body.clone()).await
    };
    let (first, second) = tokio::join!(make(&circle, &token), make(&circle, &token));
    assert_eq!(
        (first.status, second.status),
        (StatusCode::CREATED, StatusCode::CREATED)
    );
    assert_eq!(first.body, second.body, "even the value that is shown once");
    assert_ne!(first.is_replayed, second.is_replayed, "one made it, one was told");
    let circle = circle.restart().await;
    let third = make(&circle, &token).await;
    assert_eq!((third.status, third.is_replayed), (StatusCode::CREATED, true));
    assert_eq!(third.body, first.body);
    let robots = circle.api.tokens(&Default::default()).await.expect("tokens").items;
    assert_eq!(robots.iter().filter(|one| one.name == "robot").count(), 1);
    let other = make(&circle, &json!({ "name": "another" })).await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.body["type"], "circle:key-used");
    let made = first.body["value"].as_str().expect("a value");
    let own = ask_as(&circle, made, Method::POST, "/api/v1/tokens", key("k1"), token).await;
    assert_eq!(
        (own.status, own.is_replayed),
        (StatusCode::CREATED, false),
        "keys of others are others"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_may_be_mended_and_sent_with_the_same_key() {
    let circle = Circle::start().await;
    let refused = ask(
        &circle,
        Method::POST,
        WORKSPACES,
        key("k"),
        json!({ "name": "Not A Name" }),
    )
    .await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let made = ask(&circle, Method::POST, WORKSPACES, key("k"), json!({ "name": "shop" })).await;
    assert_eq!((made.status, made.is_replayed), (StatusCode::CREATED, false));
    let long = "k".repeat(201);
    let too_long = ask(
        &circle,
        Method::POST,
        WORKSPACES,
        key(&long),
        json!({ "name": "other" }),
    )
    .await;
    assert_eq!(too_long.status, StatusCode::BAD_REQUEST);
    assert!(
        too_long.body["detail"]
            .as_str()
            .is_some_and(|text| text.contains("200")),
        "{}",
        too_long.body
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_gets_the_answer_when_he_calls_again() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let trigger = || {
        let request = circle.http.post(format!("{}{WORKSPACES}/default/runs", circle.url));
        let request = request.bearer_auth(&circle.token).header("idempotency-key", "push-7");
        request.json(&json!({ "service": "shop" }))
    };
    // Long enough to arrive, too short for a plan: git is asked for the commit.
    let cut = trigger().timeout(std::time::Duration::from_millis(15)).send().await;
    let again: Value = trigger().send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(again["run"]["number"], 1, "{again}, after {cut:?}");
    let runs = circle
        .get("/api/v1/workspaces/default/runs")
        .await
        .json::<Value>()
        .await
        .expect("runs");
    assert_eq!(runs["items"].as_array().map(Vec::len), Some(1), "{runs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_what_somebody_else_changed_is_refused() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let places = [
        (
            "default/registries",
            json!({ "name": "thing", "address": "hub.example.org" }),
            json!({ "address": "two.example.org" }),
        ),
        (
            "default/targets",
            json!({ "name": "thing", "swarm": { "endpoint": "tcp://127.0.0.1:1" } }),
            json!({ "swarm": { "endpoint": "tcp://127.0.0.1:2" } }),
        ),
        (
            "default/environments",
            json!({ "name": "thing", "target": "thing" }),
            json!({ "deadline_s": 77 }),
        ),
        (
            "default/services",
            json!({ "name": "thing", "repository": repo.url() }),
            json!({ "max_parallel": 3 }),
        ),
        ("", json!({ "name": "thing" }), json!({ "max_parallel": 3 })),
    ];
    for (place, thing, change) in places {
        let list = format!("{WORKSPACES}/{place}");
        let made = ask(&circle, Method::POST, list.trim_end_matches('/'), None, thing).await;
        assert_eq!(made.status, StatusCode::CREATED, "{place}: {}", made.body);
        let path = format!("{}/thing", list.trim_end_matches('/'));
        let read = ask(&circle, Method::GET, &path, None, Value::Null).await;
        let tag = read.tag.expect("a tag");
        let changed = ask(&circle, Method::PATCH, &path, Some(("if-match", &tag)), change.clone()).await;
        assert_eq!(changed.status, StatusCode::OK, "{place}: {}", changed.body);
        let newer = changed.tag.expect("a tag");
        assert_ne!(newer, tag, "{place}");
        let late = ask(&circle, Method::PATCH, &path, Some(("if-match", &tag)), change.clone()).await;
        assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{place}: {}", late.body);
        assert_eq!(late.body["type"], "circle:changed");
        let read = ask(&circle, Method::GET, &path, None, Value::Null).await;
        assert_eq!(
            read.tag.as_ref(),
            Some(&newer),
            "{place}: the refused change changed nothing"
        );
        for header in [None, Some(("if-match", "*")), Some(("if-match", "\"x-1\", *"))] {
            let any = ask(&circle, Method::PATCH, &path, header, change.clone()).await;
            assert_eq!(any.status, StatusCode::OK, "{place}: {header:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_51_a_token_that_was_revoked_is_told_nothing_again() {
    let circle = Circle::start().await;
    let made = circle
        .api
        .create_token(&serde_json::from_value(json!({ "name": "robot" })).expect("a wish"))
        .await;
    let made = made.expect("a token");
    let wish = json!({ "name": "shop" });
    let ask = async || {
        ask_as(
            &circle,
            made.value.expose(),
            Method::POST,
            WORKSPACES,
            key("k"),
            wish.clone(),
        )
        .await
    };
    assert_eq!(ask().await.status, StatusCode::CREATED);
    assert!(ask().await.is_replayed);
    circle.api.revoke_token(made.token.id).await.expect("it is revoked");
    let refused = ask().await;
    assert_eq!((refused.status, refused.is_replayed), (StatusCode::UNAUTHORIZED, false));
}
