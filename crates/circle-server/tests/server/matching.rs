//! `If-Match` where a change is no PATCH: a forge's token, what is bound to an environment, and what is removed.

use circle_core::forge::ForgeKind;
use reqwest::Method;
use serde_json::{Value, json};

use crate::forges::connect;
use crate::support::forge::{Forge, TOKEN};
use crate::support::{Circle, PIPELINE, Repo};

const WORKSPACE: &str = "/api/v1/workspaces/default";

/// Status and tag of an answer, and its body.
struct Said(u16, String, Value);

async fn ask(circle: &Circle, method: Method, path: &str, tag: Option<&str>, body: Option<&Value>) -> Said {
    let request = circle.http.request(method, format!("{}{WORKSPACE}{path}", circle.url));
    let mut request = request.bearer_auth(&circle.token);
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    if let Some(body) = body {
        request = request.json(body);
    }
    let answer = request.send().await.expect("an answer");
    let tag = answer.headers().get("etag").map(|tag| tag.to_str().expect("text"));
    let tag = tag.unwrap_or_default().to_owned();
    let status = answer.status().as_u16();
    Said(status, tag, answer.json().await.unwrap_or_default())
}

async fn read(circle: &Circle, path: &str) -> String {
    let Said(status, tag, _) = ask(circle, Method::GET, path, None, None).await;
    assert!(status == 200 && !tag.is_empty(), "{path}: {status} \"{tag}\"");
    tag
}

/// With a tag of before it is refused, and nothing is other than it was.
async fn too_late(circle: &Circle, method: Method, (path, of): (&str, &str), old: &str, body: Option<&Value>) {
    let now = read(circle, of).await;
    assert_ne!(now, old, "{of} has not changed");
    let Said(status, _, told) = ask(circle, method, path, Some(old), body).await;
    assert_eq!(
        (status, &told["type"]),
        (412, &json!("circle:changed")),
        "{path}: {told}"
    );
    assert_eq!(
        read(circle, of).await,
        now,
        "{path}: the refused call changed something"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forge_gets_a_token_and_is_removed_as_it_was_read() {
    let (circle, forge) = (Circle::start().await, Forge::start(ForgeKind::Gitea).await);
    connect(&circle, &forge).await;
    let (path, token) = ("/forges/ours", json!({ "token": TOKEN }));
    let first = read(&circle, path).await;
    let Said(status, second, _) = ask(&circle, Method::PUT, path, Some(&first), Some(&token)).await;
    assert_eq!(status, 200);
    too_late(&circle, Method::PUT, (path, path), &first, Some(&token)).await;
    too_late(&circle, Method::DELETE, (path, path), &first, None).await;
    // Nobody asks the forge about a token that is not to be set.
    let wrong = json!({ "token": "not-the-token-of-anybody" });
    too_late(&circle, Method::PUT, (path, path), &first, Some(&wrong)).await;
    let Said(status, third, _) = ask(&circle, Method::PUT, path, None, Some(&token)).await;
    assert!(
        status == 200 && third != second,
        "without the header whatever is there is changed"
    );
    assert_eq!(ask(&circle, Method::DELETE, path, Some(&third), None).await.0, 204);
    assert_eq!(ask(&circle, Method::GET, path, None, None).await.0, 404);

    // One of the same name is another one.
    connect(&circle, &forge).await;
    too_late(&circle, Method::DELETE, (path, path), &third, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_bound_unbound_and_removed_as_it_was_read() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    for (path, thing) in [
        (
            "/targets",
            json!({ "name": "swarm", "swarm": { "endpoint": "tcp://127.0.0.1:1" } }),
        ),
        ("/environments", json!({ "name": "production", "target": "swarm" })),
    ] {
        let Said(status, _, told) = ask(&circle, Method::POST, path, None, Some(&thing)).await;
        assert_eq!(status, 201, "{told}");
    }
    let (bound, of) = ("/environments/production/workloads/shop", "/environments/production");
    let (web, cart) = (json!({ "workload": "web" }), json!({ "workload": "cart" }));
    let first = read(&circle, of).await;
    let Said(status, second, told) = ask(&circle, Method::PUT, bound, Some(&first), Some(&web)).await;
    assert_eq!(
        (status, read(&circle, of).await == second),
        (200, true),
        "the tag is the environment's: {told}"
    );
    too_late(&circle, Method::PUT, (bound, of), &first, Some(&cart)).await;
    too_late(&circle, Method::DELETE, (bound, of), &first, None).await;
    let Said(status, third, _) = ask(&circle, Method::PUT, bound, Some("\"x-1\", *"), Some(&cart)).await;
    assert!(status == 200 && third != second, "a star fits whatever is there");
    assert_eq!(ask(&circle, Method::DELETE, bound, Some(&third), None).await.0, 200);

    let service = "/services/shop";
    let old = read(&circle, service).await;
    let change = json!({ "max_parallel": 3 });
    let Said(status, new, _) = ask(&circle, Method::PATCH, service, Some(&old), Some(&change)).await;
    assert_eq!(status, 200);
    too_late(&circle, Method::DELETE, (service, service), &old, None).await;
    assert_eq!(ask(&circle, Method::DELETE, service, Some(&new), None).await.0, 204);
    assert_eq!(ask(&circle, Method::GET, service, None, None).await.0, 404);
}
