//! Id tokens that lie (security 45): none of them signs anybody in.

use std::time::{SystemTime, UNIX_EPOCH};

use circle_lab::Signing;
use serde_json::{Value, json};

use super::browser::{CLIENT, Stand, sentence};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_45_an_id_token_counts_by_the_published_keys_only() {
    let stand = Stand::start(json!({ "create_accounts": true })).await;
    let mut browser = stand.browser();
    for (signing, told) in [
        (Signing::Nothing, "no signed id token"),
        (Signing::PublicAsSecret, "HS256 is not allowed"),
        (Signing::Stranger, "InvalidSignature"),
    ] {
        stand.provider.world().signing = signing;
        let (status, said) = browser.sign_in().await;
        assert_eq!(status, 401, "{signing:?}: {said}");
        assert!(sentence(&said).contains(told), "{signing:?}: {said}");
        assert_eq!(browser.whoami().await, None);
    }
    for signing in [Signing::Es256, Signing::Rs256] {
        stand.provider.world().signing = signing;
        assert_eq!(browser.sign_in().await.0, 200, "{signing:?}");
    }
    // A key that was changed is asked for once, without waiting.
    stand.provider.world().signing = Signing::Es256;
    stand.provider.world().rotate().expect("another key");
    let asked_for_keys = || {
        let world = stand.provider.world();
        world.asked.iter().filter(|path| *path == "/keys").count()
    };
    let before = asked_for_keys();
    assert_eq!(browser.sign_in().await.0, 200);
    assert_eq!(browser.sign_in().await.0, 200);
    assert_eq!(asked_for_keys(), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_45_an_id_token_of_another_time_place_or_person_signs_nobody_in() {
    let stand = Stand::start(json!({ "create_accounts": true })).await;
    let mut browser = stand.browser();
    let (old, new) = (now() - 3600, now() + 3600);
    for forged in [
        json!({ "aud": "another application" }),
        json!({ "aud": [] }),
        json!({ "aud": null }),
        json!({ "aud": [CLIENT.0, "another application"] }),
        json!({ "aud": [CLIENT.0, "another application"], "azp": "another application" }),
        json!({ "azp": "another application" }),
        json!({ "iss": "https://evil.example" }),
        json!({ "iss": null }),
        json!({ "iss": format!("{}/", stand.provider.issuer) }),
        json!({ "exp": old }),
        json!({ "exp": null }),
        json!({ "exp": "tomorrow" }),
        json!({ "nbf": new }),
        json!({ "nonce": "of another sign-in" }),
        json!({ "nonce": "" }),
        json!({ "nonce": null }),
        json!({ "sub": "" }),
        json!({ "sub": null }),
        json!({ "sub": "x".repeat(256) }),
    ] {
        stand.provider.world().forged.clone_from(&forged);
        let (status, said) = browser.sign_in().await;
        assert_eq!(status, 401, "{forged}: {said}");
        assert!(
            sentence(&said).starts_with("what ours says of you does not hold"),
            "{said}"
        );
    }
    assert_eq!(browser.whoami().await, None);
    for good in [
        json!({ "aud": [CLIENT.0] }),
        json!({ "aud": [CLIENT.0, "another application"], "azp": CLIENT.0 }),
        json!({ "exp": now() - 30 }),
        json!({}),
    ] {
        stand.provider.world().forged.clone_from(&good);
        assert_eq!(browser.sign_in().await.0, 200, "{good}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_45_who_is_asked_about_is_who_signed_in() {
    let stand = Stand::start(json!({ "create_accounts": true })).await;
    let mut browser = stand.browser();
    stand.provider.world().forged = json!({ "email": null });
    stand.provider.world().userinfo = json!({ "sub": "of-the-boss", "preferred_username": "boss" });
    let (status, said) = browser.sign_in().await;
    assert_eq!(status, 401);
    assert!(sentence(&said).contains("tells of somebody else"), "{said}");
    // One that tells no more is no obstacle.
    stand.provider.world().userinfo = Value::Null;
    assert_eq!(browser.sign_in().await.0, 200);
    assert_eq!(browser.whoami().await.as_deref(), Some("ann-smith"));
}
