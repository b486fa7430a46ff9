//! Accounts, sessions, invitations, and tokens of people.

use reqwest::Method;
use serde_json::{Value, json};

use super::people::{PASSWORD, Person, invitation};
use crate::support::Circle;

const RUNS: &str = "/api/v1/workspaces/default/runs";
const REGISTRIES: &str = "/api/v1/workspaces/default/registries";

fn registry(name: &str) -> Value {
    json!({ "name": name, "address": "hub.example.org" })
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_44_a_page_of_another_site_changes_nothing_with_a_visitors_cookie() {
    let circle = Circle::start().await;
    let ann = Person::invited(&circle, "default", "admin", "ann").await;
    for origin in ["https://evil.example.org", "null", "http://127.0.0.1:1"] {
        let refused = ann.ask_from(origin, Method::POST, REGISTRIES, registry("hub")).await;
        assert_eq!(refused.status(), 403, "{origin}");
    }
    let no_origin = circle
        .http
        .post(format!("{}{REGISTRIES}", circle.url))
        .header("cookie", &ann.cookie);
    let refused = no_origin.json(&registry("hub")).send().await.expect("an answer");
    assert_eq!(refused.status(), 403, "a browser always tells the origin of a change");
    let foreign = ann.ask_from(
        "https://evil.example.org",
        Method::POST,
        "/api/v1/session",
        json!({ "name": "ann", "password": PASSWORD }),
    );
    assert_eq!(foreign.await.status(), 403, "nobody is signed in from elsewhere");
    assert_eq!(ann.ask(Method::POST, REGISTRIES, registry("hub")).await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_lets_one_person_into_one_workspace_once() {
    let circle = Circle::start().await;
    let link = invitation(&circle, "default", "developer").await;
    let link = link.link.expose();
    let ann = Person::nobody(&circle, "ann");
    assert_eq!(ann.redeem(link, "short").await.status(), 422);
    assert_eq!(ann.redeem(link, PASSWORD).await.status(), 200);
    assert_eq!(
        Person::nobody(&circle, "eve").redeem(link, PASSWORD).await.status(),
        401
    );
    let mut ann = ann;
    ann.cookie = ann.sign_in(PASSWORD).await.expect("signed in");
    assert_eq!(ann.status(Method::GET, RUNS).await, 200);
    assert_eq!(ann.ask(Method::POST, REGISTRIES, registry("hub")).await.status(), 403);
    assert_eq!(ann.status(Method::GET, "/api/v1/users").await, 403);
    // One that was taken back opens nothing.
    let taken_back = invitation(&circle, "default", "admin").await;
    let path = format!("{}/api/v1/workspaces/default/invitations/{}", circle.url, taken_back.id);
    let revoked = circle
        .http
        .delete(path)
        .bearer_auth(&circle.token)
        .send()
        .await
        .expect("an answer");
    assert_eq!(revoked.status(), 204);
    let late = Person::nobody(&circle, "late")
        .redeem(taken_back.link.expose(), PASSWORD)
        .await;
    assert_eq!(late.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_50_sessions_end_when_a_role_changes() {
    let circle = Circle::start().await;
    let (ann, bob) = (
        Person::invited(&circle, "default", "admin", "ann").await,
        Person::invited(&circle, "default", "developer", "bob").await,
    );
    let members = "/api/v1/workspaces/default/members";
    let viewer = json!({ "role": "viewer" });
    assert_eq!(
        ann.ask(Method::PUT, &format!("{members}/ann"), viewer.clone())
            .await
            .status(),
        409,
        "the last admin"
    );
    assert_eq!(
        ann.status(Method::DELETE, &format!("{members}/ann")).await,
        409,
        "the last admin"
    );
    assert_eq!(
        ann.ask(Method::PUT, &format!("{members}/bob"), viewer).await.status(),
        200
    );
    assert_eq!(bob.status(Method::GET, RUNS).await, 401);
    let mut bob = bob;
    bob.cookie = bob.sign_in(PASSWORD).await.expect("signed in again");
    assert_eq!(bob.status(Method::GET, RUNS).await, 200);
    assert_eq!(ann.status(Method::DELETE, &format!("{members}/bob")).await, 204);
    bob.cookie = bob.sign_in(PASSWORD).await.expect("signed in again");
    assert_eq!(
        bob.status(Method::GET, RUNS).await,
        404,
        "what one may not see is not there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_ends_one_session_or_all_and_a_new_password_ends_all() {
    let circle = Circle::start().await;
    let mut ann = Person::invited(&circle, "default", "viewer", "ann").await;
    let first = ann.cookie.clone();
    ann.cookie = ann.sign_in(PASSWORD).await.expect("a second session");
    assert_eq!(ann.status(Method::DELETE, "/api/v1/session").await, 204);
    assert_eq!(ann.status(Method::GET, RUNS).await, 401);
    ann.cookie = first.clone();
    assert_eq!(ann.status(Method::GET, RUNS).await, 200, "the other session stays");
    ann.cookie = ann.sign_in(PASSWORD).await.expect("a third session");
    assert_eq!(ann.status(Method::DELETE, "/api/v1/sessions").await, 204);
    ann.cookie = first;
    assert_eq!(ann.status(Method::GET, RUNS).await, 401);
    ann.cookie = ann.sign_in(PASSWORD).await.expect("signed in");
    let change = |current: &str| json!({ "current": current, "new": "another long password" });
    let wrong = ann
        .ask(Method::PUT, "/api/v1/account/password", change("guessed wrongly"))
        .await;
    assert_eq!(wrong.status(), 401);
    let changed = ann.ask(Method::PUT, "/api/v1/account/password", change(PASSWORD)).await;
    assert_eq!(changed.status(), 204);
    assert_eq!(ann.status(Method::GET, RUNS).await, 401);
    assert_eq!(ann.sign_in(PASSWORD).await, Err(401));
    ann.sign_in("another long password").await.expect("the new one");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_51_too_many_wrong_passwords_make_the_account_wait() {
    let circle = Circle::start().await;
    let ann = Person::invited(&circle, "default", "viewer", "ann").await;
    let unknown = Person::nobody(&circle, "nobody");
    assert_eq!(
        unknown.sign_in(PASSWORD).await,
        Err(401),
        "an unknown name is told as a wrong password"
    );
    for _ in 0..10 {
        assert_eq!(ann.sign_in("guessed wrongly").await, Err(401));
    }
    assert_eq!(ann.sign_in(PASSWORD).await, Err(429), "the right one has to wait too");
    assert_eq!(ann.status(Method::GET, RUNS).await, 200, "who is signed in stays so");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_51_a_persons_token_opens_what_they_may_or_less() {
    let circle = Circle::start().await;
    let ann = Person::invited(&circle, "default", "admin", "ann").await;
    let bearer = async |token: &str, method: Method, path: &str, body: Value| {
        let request = circle
            .http
            .request(method, format!("{}{path}", circle.url))
            .bearer_auth(token);
        request.json(&body).send().await.expect("an answer").status().as_u16()
    };
    let wish =
        json!({ "name": "ann", "password": PASSWORD, "token": { "name": "cli", "scope": "run", "valid_s": 3600 } });
    let made: Value = ann
        .ask(Method::POST, "/api/v1/session", wish)
        .await
        .json()
        .await
        .expect("a token");
    let token = made["token"]["value"].as_str().expect("a value").to_owned();
    assert_eq!(bearer(&token, Method::GET, RUNS, json!({})).await, 200);
    assert_eq!(
        bearer(&token, Method::POST, REGISTRIES, registry("hub")).await,
        403,
        "the scope is less than the role"
    );
    assert_eq!(
        bearer(&token, Method::POST, "/api/v1/tokens", json!({ "name": "x" })).await,
        403,
        "it makes no others"
    );
    let listed: Value = ann
        .ask(Method::GET, "/api/v1/tokens", json!({}))
        .await
        .json()
        .await
        .expect("a page");
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1), "{listed}");
    assert!(listed["items"][0]["used_at"].is_string(), "{listed}");
    // A role that goes takes the token's rights with it.
    let members = "/api/v1/workspaces/default/members";
    let bob = Person::invited(&circle, "default", "admin", "bob").await;
    assert_eq!(bob.status(Method::DELETE, &format!("{members}/ann")).await, 204);
    assert_eq!(bearer(&token, Method::GET, RUNS, json!({})).await, 404);
    let id = listed["items"][0]["id"].as_str().expect("an id");
    assert_eq!(
        bob.status(Method::DELETE, &format!("/api/v1/tokens/{id}")).await,
        404,
        "not one's own"
    );
    let ended = bearer(
        &circle.token,
        Method::DELETE,
        &format!("/api/v1/tokens/{id}"),
        json!({}),
    )
    .await;
    assert_eq!(ended, 204);
    assert_eq!(bearer(&token, Method::GET, RUNS, json!({})).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_passwords_nor_links_nor_cookies_stand_in_the_stores() {
    let circle = Circle::start().await;
    let ann = Person::invited(&circle, "default", "admin", "ann").await;
    let link = invitation(&circle, "default", "viewer").await;
    let (_, link) = link.link.expose().split_once('#').expect("a link");
    let (_, cookie) = ann.cookie.split_once('=').expect("a pair");
    for value in [PASSWORD, link, cookie] {
        assert!(!crate::rules::holds(
            &circle.folder.path().join("server/records"),
            value.as_bytes()
        ));
    }
}
