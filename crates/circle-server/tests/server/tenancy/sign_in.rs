//! The way to an identity provider and back (security 45): one browser, one provider, once, and back to this server only.

use reqwest::Method;
use serde_json::{Value, json};

use super::browser::{Browser, Stand, manage, played, sentence, wish};
use super::people::Person;

const SIGN_IN: &str = "/api/v1/sign-in/ours";

fn sign_in() -> Value {
    json!({ "purpose": "sign_in" })
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_45_a_sign_in_belongs_to_its_browser_and_works_once() {
    let stand = Stand::start(json!({ "create_accounts": true })).await;
    let (mut ours, mut theirs) = (stand.browser(), stand.browser());
    let there = ours.begin("ours", sign_in()).await;
    assert!(
        there.starts_with(&format!("{}/authorize?theme=dark&", stand.provider.issuer)),
        "{there}"
    );
    let back = ours.visit(&there).await;
    // Whoever is lured to the page with somebody else's code (login CSRF) is signed in as nobody, and takes nothing away.
    let (status, said) = theirs.finish("ours", &back).await;
    assert_eq!(status, 401);
    assert!(sentence(&said).contains("not begun in this browser"), "{said}");
    // Nor does a sign-in of their own help, with the state exchanged.
    let own = theirs.begin("ours", sign_in()).await;
    let own = theirs.visit(&own).await;
    assert_eq!(theirs.finish("ours", &own.with("state", &back.0["state"])).await.0, 401);
    assert_eq!(
        ours.finish("ours", &back.with("state", &"f".repeat(64))).await.0,
        401,
        "an invented state"
    );
    let cookies = ours.jar.clone();
    assert_eq!(ours.finish("ours", &back).await.0, 200);
    assert!(
        ours.jar.keys().all(|name| name == "circle_session"),
        "nothing is left: {:?}",
        ours.jar.keys()
    );
    // Again, even with the cookie put back: the code's second use is not the only thing in its way.
    ours.jar = cookies;
    let asked = stand.provider.world().asked.len();
    assert_eq!(ours.finish("ours", &back).await.0, 401);
    assert_eq!(
        stand.provider.world().asked.len(),
        asked,
        "the provider is not even asked"
    );
    ours.jar.clear();
    // Two at once in one browser do not end each other.
    let (first, second) = (ours.begin("ours", sign_in()).await, ours.begin("ours", sign_in()).await);
    let (first, second) = (ours.visit(&first).await, ours.visit(&second).await);
    assert_eq!(ours.finish("ours", &first).await.0, 200);
    assert_eq!(ours.finish("ours", &second).await.0, 200);
    // A browser that begins again and again keeps the newest.
    let mut begun = Vec::new();
    for _ in 0..6 {
        begun.push(ours.begin("ours", sign_in()).await);
        assert!(ours.jar.len() <= 4, "{:?}", ours.jar.keys());
    }
    let newest = ours.visit(&begun[5]).await;
    assert_eq!(ours.finish("ours", &newest).await.0, 200);
    ours.jar.clear();
    // The cookie of one state under the name of another opens nothing.
    ours.begin("ours", sign_in()).await;
    let name = |browser: &Browser| {
        let mut names = browser
            .jar
            .keys()
            .filter(|name| name.starts_with("circle_sign_in_"))
            .cloned();
        names.next().expect("a cookie")
    };
    let sealed = ours.jar.remove(&name(&ours)).expect("a cookie");
    let next = ours.begin("ours", sign_in()).await;
    let moved = name(&ours);
    ours.jar.insert(moved, sealed);
    let back = ours.visit(&next).await;
    assert_eq!(ours.finish("ours", &back).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_45_a_code_of_one_provider_is_not_taken_for_anothers() {
    let stand = Stand::start(json!({ "create_accounts": true })).await;
    let other = played(&stand.circle, "other").await;
    assert_eq!(
        manage(&stand.circle, Method::POST, "", wish(&other, "other")).await.0,
        201
    );
    let mut browser = stand.browser();
    let there = browser.begin("ours", sign_in()).await;
    let back = browser.visit(&there).await;
    other.world().asked.clear();
    assert_eq!(
        browser.finish("other", &back).await.0,
        401,
        "at another provider's address"
    );
    assert!(other.world().asked.is_empty(), "it never saw the code");
    // One that tells its name with each code (RFC 9207) tells it, and tells its own.
    for name in [None, Some("https://evil.example".to_owned())] {
        stand.provider.world().answers_as.clone_from(&name);
        let (status, said) = browser.sign_in().await;
        assert_eq!(status, 401, "{name:?}: {said}");
        assert!(sentence(&said).contains("does not hold"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_45_a_sign_in_leads_to_this_server_only() {
    let stand = Stand::start(json!({ "create_accounts": true })).await;
    let mut browser = stand.browser();
    for to in [
        "//evil.example",
        "/\\evil.example",
        "/%2f%2fevil.example",
        "https://evil.example",
        "evil",
        "/a//b",
    ] {
        let wish = json!({ "purpose": "sign_in", "to": to });
        let (status, said) = browser.ask(Method::POST, SIGN_IN, wish).await;
        assert_eq!(status, 422, "{to}: {said}");
    }
    let there = browser.begin("ours", sign_in()).await;
    // A provider takes the registered address only, which is this server's, with the provider's own name.
    let elsewhere = there.replace("sign-in%2Fback%2Fours", "sign-in%2Fback%2Fother");
    assert_ne!(there, elsewhere);
    let refused = stand.circle.http.get(&elsewhere).send().await.expect("an answer");
    assert_eq!(refused.status(), 400);
    // The page itself is the one document, whatever stands in its address, and may load nothing from elsewhere.
    let page = format!(
        "{}/sign-in/back/ours?code=x&state=//evil.example&to=//evil.example",
        stand.circle.url
    );
    let page = stand.circle.http.get(page).send().await.expect("a page");
    assert!(page.headers().get("location").is_none());
    let text = page.text().await.expect("a text");
    assert!(!text.contains("evil"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_44_no_other_site_begins_or_finishes_a_sign_in() {
    let stand = Stand::start(json!({ "create_accounts": true })).await;
    let mut browser = stand.browser();
    for origin in ["https://evil.example", "null"] {
        assert_eq!(
            browser.ask_from(origin, Method::POST, SIGN_IN, sign_in()).await.0,
            403,
            "{origin}"
        );
    }
    let there = browser.begin("ours", sign_in()).await;
    let back = browser.visit(&there).await;
    let refused = browser.ask_from("https://evil.example", Method::PUT, SIGN_IN, back.body());
    assert_eq!(refused.await.0, 403);
    assert_eq!(browser.finish("ours", &back).await.0, 200, "and that used nothing up");
    // At another address of the same server the way back would end at nobody's cookie: that is told before somebody goes.
    let port = stand.circle.url.rsplit(':').next().expect("a port");
    let local = format!("http://localhost:{port}");
    let request = stand
        .circle
        .http
        .post(format!("{local}{SIGN_IN}"))
        .header("origin", &local);
    let refused = request.json(&sign_in()).send().await.expect("an answer");
    assert_eq!(refused.status(), 409);
    let said = refused.text().await.expect("a text");
    assert!(said.contains(&format!("open Circle at {}", stand.circle.url)), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_45_an_identity_is_linked_by_the_session_that_asked_for_it() {
    let stand = Stand::start(json!({})).await;
    let link = json!({ "purpose": "link" });
    assert_eq!(
        stand.browser().ask(Method::POST, SIGN_IN, link.clone()).await.0,
        401,
        "nobody is signed in"
    );
    let eve = Person::invited(&stand.circle, "default", "viewer", "eve").await;
    let ann = Person::invited(&stand.circle, "default", "admin", "ann").await;
    // Eve begins, and Ann, whose identity it is, is brought to finish with Eve's cookies beside her own session.
    let mut of_eve = Browser::of(&stand.circle, &eve);
    let there = of_eve.begin("ours", link.clone()).await;
    let back = of_eve.visit(&there).await;
    let mut of_ann = Browser::of(&stand.circle, &ann);
    for (name, value) in of_eve
        .jar
        .iter()
        .filter(|(name, _)| name.starts_with("circle_sign_in_"))
    {
        of_ann.jar.insert(name.clone(), value.clone());
    }
    assert_eq!(of_ann.finish("ours", &back).await.0, 401);
    assert!(of_ann.identities().await.is_empty() && of_eve.identities().await.is_empty());
    // A session that ended in between finishes nothing either.
    let there = of_eve.begin("ours", link).await;
    let back = of_eve.visit(&there).await;
    assert_eq!(eve.status(Method::DELETE, "/api/v1/session").await, 204);
    assert_eq!(of_eve.finish("ours", &back).await.0, 401);
    assert_eq!(stand.browser().sign_in().await.0, 401, "it is nobody's");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_says_instead_of_a_code_is_a_sentence() {
    let stand = Stand::start(json!({ "create_accounts": true })).await;
    let mut browser = stand.browser();
    for (error, told) in [
        ("access_denied", "said no"),
        ("temporarily_unavailable", "try again later"),
        ("<script>\u{7}", "<script>"),
    ] {
        stand.provider.world().denies = Some(error.into());
        let (status, said) = browser.sign_in().await;
        assert_eq!(status, 401);
        assert!(
            sentence(&said).starts_with("ours did not let you in") && sentence(&said).contains(told),
            "{said}"
        );
    }
    stand.provider.world().denies = None;
    let there = browser.begin("ours", sign_in()).await;
    let back = browser.visit(&there).await;
    let (status, said) = browser.finish("ours", &back.with("code", "too-old")).await;
    assert_eq!(status, 401);
    assert!(sentence(&said).contains("begin anew"), "{said}");
    let there = browser.begin("ours", sign_in()).await;
    let back = browser.visit(&there).await;
    stand.provider.world().is_down = true;
    let (status, said) = browser.finish("ours", &back).await;
    assert_eq!(status, 502);
    assert!(sentence(&said).starts_with("ours does not answer"), "{said}");
    let (status, said) = browser.ask(Method::POST, "/api/v1/sign-in/nobody", sign_in()).await;
    assert_eq!(status, 404, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_51_sign_ins_that_fail_are_counted_for_the_address() {
    let stand = Stand::start(json!({ "create_accounts": true })).await;
    let mut browser = stand.browser();
    let nothing = json!({ "state": "f".repeat(64), "code": "x" });
    for _ in 0..50 {
        assert_eq!(browser.ask(Method::PUT, SIGN_IN, nothing.clone()).await.0, 401);
    }
    let (status, said) = browser.ask(Method::PUT, SIGN_IN, nothing).await;
    assert_eq!(status, 429);
    assert!(sentence(&said).contains("quarter of an hour"), "{said}");
    assert_eq!(
        Person::nobody(&stand.circle, "ann").sign_in("a wrong password").await,
        Err(429),
        "one count for all ways"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_tried_before_it_is_kept_and_its_secret_is_not_shown() {
    let stand = Stand::start(json!({})).await;
    let (_, shown) = manage(&stand.circle, Method::GET, "/ours", Value::Null).await;
    assert_eq!(shown["redirect_uri"], format!("{}/sign-in/back/ours", stand.circle.url));
    assert!(!shown.to_string().contains("secret"), "{shown}");
    let (_, ways) = stand.browser().ask(Method::GET, "/api/v1/sign-in", Value::Null).await;
    assert_eq!(ways["providers"], json!([{ "name": "ours", "kind": "oidc" }]));

    let other = played(&stand.circle, "other").await;
    let with = |name: &str, value: Value| {
        let mut wish = wish(&other, "other");
        wish[name] = value;
        wish
    };
    for (wrong, status, told) in [
        (with("client_secret", json!("another")), 401, "does not know Circle"),
        (with("client_id", json!("another")), 401, "does not know Circle"),
        (with("address", json!("http://127.0.0.1:1")), 502, "does not answer"),
        (
            with("address", json!(format!("{}/tenant", other.issuer))),
            502,
            "answers 404",
        ),
        (with("address", Value::Null), 422, "issuer"),
        (with("email_domains", json!(["no domain"])), 422, "example.org"),
        (with("kind", json!("github")), 502, "does not answer"),
        (with("name", json!("ours")), 409, "same name"),
        (
            json!({ "name": "hub", "kind": "github", "client_id": "x", "client_secret": "y", "create_accounts": true }),
            422,
            "everybody in the world",
        ),
    ] {
        let (is, said) = manage(&stand.circle, Method::POST, "", wrong.clone()).await;
        assert_eq!(is, status, "{wrong}: {said}");
        assert!(sentence(&said).contains(told), "{said}");
    }
    let (_, check) = manage(&stand.circle, Method::POST, "/ours/check", json!({})).await;
    assert_eq!(check["good"], true, "{check}");
    stand.provider.world().client.password = "changed".into();
    let (_, check) = manage(&stand.circle, Method::POST, "/ours/check", json!({})).await;
    assert_eq!(check["good"], false, "{check}");
    assert_eq!(
        manage(
            &stand.circle,
            Method::PATCH,
            "/ours",
            json!({ "client_secret": "wrong" })
        )
        .await
        .0,
        401
    );
    let change = json!({ "client_secret": "changed", "create_accounts": true });
    let (status, said) = manage(&stand.circle, Method::PATCH, "/ours", change).await;
    assert_eq!((status, &said["create_accounts"]), (200, &json!(true)), "{said}");
    assert_eq!(stand.browser().sign_in().await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_42_an_issuers_address_leads_to_no_private_place() {
    let stand = Stand::start(json!({})).await;
    for address in [
        "http://[::1]:1",
        "http://169.254.169.254",
        "http://10.1.2.3",
        "http://[::ffff:10.1.2.3]/realm",
    ] {
        let wish = json!({
            "name": "inner", "kind": "oidc", "address": address, "client_id": "x", "client_secret": "y",
        });
        let (status, said) = manage(&stand.circle, Method::POST, "", wish).await;
        assert_eq!(status, 502, "{said}");
        assert!(sentence(&said).contains("--allow-outgoing"), "{said}");
    }
}
