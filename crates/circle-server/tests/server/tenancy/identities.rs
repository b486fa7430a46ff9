//! Whose an identity is: by an invitation, by linking, by a first sign-in; and never by an address of mail.

use circle_core::forge::ForgeKind;
use reqwest::Method;
use serde_json::{Value, json};

use super::browser::{Back, Browser, Stand, manage, played, sentence, wish};
use super::people::{PASSWORD, Person, invitation};
use crate::support::Circle;
use crate::support::forge::Forge;

const RUNS: &str = "/api/v1/workspaces/default/runs";

#[tokio::test(flavor = "multi_thread")]
async fn somebody_joins_by_an_identity_and_signs_in_by_it_from_then_on() {
    let stand = Stand::start(json!({})).await;
    let (status, said) = stand.browser().sign_in().await;
    assert_eq!(status, 401, "nobody is made");
    assert!(
        sentence(&said).contains("Ann.Smith of ours") && sentence(&said).contains("ask for an invitation"),
        "{said}"
    );
    let created = invitation(&stand.circle, "default", "developer").await;
    let (_, link) = created.link.expose().split_once('#').expect("a link");
    let join = json!({ "purpose": "join", "link": link, "name": "ann" });
    let mut browser = stand.browser();
    let (status, said) = browser.go(join.clone()).await;
    assert_eq!((status, said["account"]["name"].as_str()), (200, Some("ann")), "{said}");
    assert_eq!(browser.ask(Method::GET, RUNS, Value::Null).await.0, 200);
    assert_eq!(
        browser.ask(Method::GET, "/api/v1/users", Value::Null).await.0,
        403,
        "a developer of one workspace"
    );
    let (status, said) = stand.browser().ask(Method::POST, "/api/v1/sign-in/ours", join).await;
    assert_eq!(status, 401, "the link is used up: {said}");

    let mut elsewhere = stand.browser();
    let (status, said) = elsewhere.go(json!({ "purpose": "sign_in", "to": "/runs/run_1" })).await;
    assert_eq!((status, said["to"].as_str()), (200, Some("/runs/run_1")), "{said}");
    // A role that changes, or a wish of their own, ends these sessions as any others.
    assert_eq!(
        elsewhere.ask(Method::DELETE, "/api/v1/sessions", Value::Null).await.0,
        204
    );
    assert_eq!((browser.whoami().await, elsewhere.whoami().await), (None, None));
    assert_eq!(
        Person::nobody(&stand.circle, "ann").sign_in(PASSWORD).await,
        Err(401),
        "there is no password"
    );

    // Somebody with an account takes another invitation by what opens that account.
    let second = invitation(&stand.circle, "default", "admin").await;
    let (_, link) = second.link.expose().split_once('#').expect("a link");
    let (status, said) = browser
        .go(json!({ "purpose": "join", "link": link, "name": "other" }))
        .await;
    assert_eq!((status, said["account"]["name"].as_str()), (200, Some("ann")), "{said}");

    let request = stand.circle.http.get(format!("{}/api/v1/audit", stand.circle.url));
    let audit: Value = request
        .bearer_auth(&stand.circle.token)
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON");
    let all: Vec<(&str, u64)> = audit["items"]
        .as_array()
        .expect("entries")
        .iter()
        .filter(|entry| entry["action"] == "finish_sign_in")
        .map(|entry| {
            (
                entry["actor"].as_str().expect("a name"),
                entry["status"].as_u64().expect("a status"),
            )
        })
        .collect();
    assert!(
        all.contains(&("ann", 200)) && all.contains(&("somebody of ours", 401)),
        "{all:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_links_an_identity_and_the_last_way_to_sign_in_stays() {
    let stand = Stand::start(json!({})).await;
    let carl = Person::invited(&stand.circle, "default", "viewer", "carl").await;
    let mut browser = Browser::of(&stand.circle, &carl);
    let (status, said) = browser.go(json!({ "purpose": "link" })).await;
    assert_eq!((status, said["to"].as_str()), (200, Some("/account")), "{said}");
    let linked = browser.identities().await;
    assert_eq!(linked.len(), 1, "{linked:?}");
    assert_eq!(
        (&linked[0]["provider"], &linked[0]["login"]),
        (&json!("ours"), &json!("Ann.Smith"))
    );
    let mut elsewhere = stand.browser();
    assert_eq!(elsewhere.sign_in().await.0, 200);
    assert_eq!(elsewhere.whoami().await.as_deref(), Some("carl"));
    // Again changes nothing, and another account does not get it.
    assert_eq!(browser.go(json!({ "purpose": "link" })).await.0, 200);
    assert_eq!(browser.identities().await.len(), 1);
    let eve = Person::invited(&stand.circle, "default", "admin", "eve").await;
    let (status, said) = Browser::of(&stand.circle, &eve).go(json!({ "purpose": "link" })).await;
    assert_eq!(status, 409);
    assert!(sentence(&said).contains("another account"), "{said}");

    let path = format!(
        "/api/v1/account/identities/{}",
        linked[0]["id"].as_str().expect("an id")
    );
    assert_eq!(
        Browser::of(&stand.circle, &eve)
            .ask(Method::DELETE, &path, Value::Null)
            .await
            .0,
        404,
        "not eve's"
    );
    assert_eq!(browser.ask(Method::DELETE, &path, Value::Null).await.0, 204);
    assert_eq!(
        elsewhere.whoami().await,
        None,
        "sessions end, as when a password changes"
    );
    assert_eq!(stand.browser().sign_in().await.0, 401);
    // What was given up is free.
    assert_eq!(
        Browser::of(&stand.circle, &eve)
            .go(json!({ "purpose": "link" }))
            .await
            .0,
        200
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_a_password_sets_one_before_its_only_identity_goes() {
    let stand = Stand::start(json!({ "create_accounts": true })).await;
    let mut browser = stand.browser();
    assert_eq!(browser.sign_in().await.0, 200);
    let linked = browser.identities().await;
    let path = format!(
        "/api/v1/account/identities/{}",
        linked[0]["id"].as_str().expect("an id")
    );
    let (status, said) = browser.ask(Method::DELETE, &path, Value::Null).await;
    assert_eq!(status, 409);
    assert!(sentence(&said).contains("only way to sign in"), "{said}");
    let (status, said) = manage(&stand.circle, Method::DELETE, "/ours", Value::Null).await;
    assert_eq!(status, 409);
    assert!(sentence(&said).contains("1 accounts (ann-smith)"), "{said}");

    // A token of theirs, should it leak, can neither set a password nor link or unlink.
    let (_, made) = browser
        .ask(Method::POST, "/api/v1/tokens", json!({ "name": "robot" }))
        .await;
    let token = made["value"].as_str().expect("a token").to_owned();
    let by_token = async |method: Method, path: &str, body: Value| {
        let request = stand.circle.http.request(method, format!("{}{path}", stand.circle.url));
        let response = request.bearer_auth(&token).json(&body).send().await.expect("an answer");
        response.status().as_u16()
    };
    let password = json!({ "new": PASSWORD });
    assert_eq!(
        by_token(Method::PUT, "/api/v1/account/password", password.clone()).await,
        409
    );
    assert_eq!(
        by_token(Method::POST, "/api/v1/sign-in/ours", json!({ "purpose": "link" })).await,
        409
    );
    assert_eq!(by_token(Method::DELETE, &path, Value::Null).await, 409);

    assert_eq!(
        browser
            .ask(Method::PUT, "/api/v1/account/password", password.clone())
            .await
            .0,
        204
    );
    let mut ann = Person::nobody(&stand.circle, "ann-smith");
    ann.cookie = ann.sign_in(PASSWORD).await.expect("by the password");
    let mut browser = Browser::of(&stand.circle, &ann);
    let (status, said) = browser.ask(Method::PUT, "/api/v1/account/password", password).await;
    assert_eq!(status, 422, "now the password that there is must be told: {said}");
    assert_eq!(manage(&stand.circle, Method::DELETE, "/ours", Value::Null).await.0, 204);
    assert_eq!(browser.whoami().await, None, "whoever signed in by it is signed out");
    ann.cookie = ann.sign_in(PASSWORD).await.expect("the account stays");
    assert!(Browser::of(&stand.circle, &ann).identities().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_45_an_account_is_the_subjects_and_never_an_equal_names_or_address() {
    let stand = Stand::start(json!({ "create_accounts": true })).await;
    let local = Person::invited(&stand.circle, "default", "admin", "ann-smith").await;
    let mut first = stand.browser();
    assert_eq!(first.sign_in().await.0, 200);
    assert_eq!(
        first.whoami().await.as_deref(),
        Some("ann-smith-2"),
        "the name was somebody's"
    );
    assert_eq!(
        first.ask(Method::GET, RUNS, Value::Null).await.0,
        404,
        "and the account may nothing"
    );
    // The same name and the same verified address, but somebody else.
    stand.provider.world().person["sub"] = json!("of-another-ann");
    let mut second = stand.browser();
    assert_eq!(second.sign_in().await.0, 200);
    assert_eq!(second.whoami().await.as_deref(), Some("ann-smith-3"));
    // The same subject of another provider is somebody else too.
    let other = played(&stand.circle, "other").await;
    let mut theirs = wish(&other, "other");
    theirs["create_accounts"] = json!(true);
    assert_eq!(manage(&stand.circle, Method::POST, "", theirs).await.0, 201);
    let mut third = stand.browser();
    let there = third.begin("other", json!({ "purpose": "sign_in" })).await;
    let back = third.visit(&there).await;
    assert_eq!(third.finish("other", &back).await.0, 200);
    assert_eq!(third.whoami().await.as_deref(), Some("ann-smith-4"));
    // Another name and address of the same subject are the same account.
    let renamed = json!({ "sub": "of-ann", "preferred_username": "root", "email": "root@example.org" });
    stand.provider.world().person = renamed;
    let mut again = stand.browser();
    assert_eq!(again.sign_in().await.0, 200);
    assert_eq!(again.whoami().await.as_deref(), Some("ann-smith-2"));
    assert_eq!(local.status(Method::GET, RUNS).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_are_made_for_verified_addresses_of_a_domain_alone() {
    let stand = Stand::start(json!({ "create_accounts": true, "email_domains": ["Example.org"] })).await;
    for (email, verified) in [
        (json!("ann@example.org"), json!(false)),
        (json!("ann@example.org"), Value::Null),
        (json!("ann@evil.example"), json!(true)),
        (json!("ann@example.org@evil.example"), json!(true)),
        (json!("ann@not-example.org"), json!(true)),
        (json!("ann@sub.example.org"), json!(true)),
        (Value::Null, json!(true)),
    ] {
        stand.provider.world().forged = json!({ "email": email, "email_verified": verified });
        let (status, said) = stand.browser().sign_in().await;
        assert_eq!(status, 401, "{email} {verified}");
        assert!(sentence(&said).contains("example.org"), "{said}");
    }
    // What the id token leaves out is asked for, and some write truth as a text.
    stand.provider.world().forged = json!({ "email": null, "email_verified": null });
    stand.provider.world().userinfo = json!({ "sub": "of-ann", "email": "Ann@EXAMPLE.org", "email_verified": "true" });
    let mut browser = stand.browser();
    assert_eq!(browser.sign_in().await.0, 200);
    assert_eq!(
        browser.whoami().await.as_deref(),
        Some("ann"),
        "after the address, when there is no name"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forges_say_who_somebody_is_by_their_own_ids() {
    for kind in [ForgeKind::Gitea, ForgeKind::Github, ForgeKind::Gitlab] {
        let (circle, forge) = (Circle::start().await, Forge::start(kind).await);
        let wish = json!({
            "name": "ours", "kind": kind.word(), "address": forge.address, "client_id": "client",
            "client_secret": "client-secret", "create_accounts": true,
        });
        let (status, said) = manage(&circle, Method::POST, "", wish).await;
        assert_eq!(status, 201, "{said}");
        let mut browser = Browser::new(&circle);
        for round in 0..2 {
            let there = browser.begin("ours", json!({ "purpose": "sign_in" })).await;
            let asked: Back = Back(
                url::Url::parse(&there)
                    .expect("an address")
                    .query_pairs()
                    .into_owned()
                    .collect(),
            );
            assert_eq!(asked.0["redirect_uri"], format!("{}/sign-in/back/ours", circle.url));
            assert_eq!(asked.0["code_challenge_method"], "S256");
            assert!(
                !asked.0["scope"].contains("repo"),
                "only who somebody is: {}",
                asked.0["scope"]
            );
            forge.let_in("a code", &asked.0["code_challenge"], 3600);
            let back = Back([("state".to_owned(), asked.0["state"].clone())].into()).with("code", "a code");
            let (status, said) = browser.finish("ours", &back).await;
            assert_eq!(
                (status, said["account"]["name"].as_str()),
                (200, Some("bot")),
                "{kind:?} {round}: {said}"
            );
        }
        // A code of another sign-in does not fit the verifier of this one.
        let first = browser.begin("ours", json!({ "purpose": "sign_in" })).await;
        let second = browser.begin("ours", json!({ "purpose": "sign_in" })).await;
        let query = |there: &str, name: &str| {
            let url = url::Url::parse(there).expect("an address");
            let found = url
                .query_pairs()
                .find(|(known, _)| known == name)
                .map(|(_, value)| value.into_owned());
            found.expect("it is there")
        };
        forge.let_in("another", &query(&first, "code_challenge"), 3600);
        let back = Back([("state".to_owned(), query(&second, "state"))].into()).with("code", "another");
        assert_eq!(browser.finish("ours", &back).await.0, 401, "{kind:?}");
        let there = browser.begin("ours", json!({ "purpose": "sign_in" })).await;
        drop(forge);
        let back = Back([("state".to_owned(), query(&there, "state"))].into()).with("code", "x");
        let (status, said) = browser.finish("ours", &back).await;
        assert_eq!(status, 502, "{said}");
        assert!(sentence(&said).starts_with("ours does not answer"), "{said}");
    }
}
