//! Forges that are connected by OAuth (security 45), and tokens that are made fresh.

use circle_api::resources::{ForgeOauthBegin, ForgeOauthFinish, ForgeRepositoryQuery};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::SecretValue;
use circle_core::forge::ForgeKind;
use std::collections::HashMap;
use url::Url;

use crate::support::forge::{Forge, Repo};
use crate::support::{Circle, slug};

fn wish(kind: ForgeKind, address: &str) -> ForgeOauthBegin {
    ForgeOauthBegin {
        name: slug("ours"),
        kind: kind.into(),
        address: Some(address.into()),
        client_id: "client".into(),
        client_secret: SecretValue::new("client-secret"),
    }
}

/// What the address that a person opens asks for.
async fn begun(circle: &Circle, forge: &Forge) -> HashMap<String, String> {
    let wish = wish(forge.kind, &forge.address);
    let begun = circle
        .api
        .begin_forge_oauth(DEFAULT_WORKSPACE, &wish)
        .await
        .expect("begun");
    assert_eq!(begun.redirect_uri, format!("{}/oauth/forge", circle.url));
    assert!(
        begun.authorize_url.starts_with(&forge.address),
        "{}",
        begun.authorize_url
    );
    let url = Url::parse(&begun.authorize_url).expect("an address");
    url.query_pairs().into_owned().collect()
}

/// What the page of Circle shows when the forge sends somebody back.
async fn page(circle: &Circle, code: &str, state: &str) -> String {
    let back = Url::parse_with_params(
        &format!("{}/oauth/forge", circle.url),
        [("code", code), ("state", state)],
    );
    let answer = circle.http.get(back.expect("an address")).send().await.expect("a page");
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    answer.text().await.expect("a text")
}

/// The code on the page.
pub(crate) fn code_on(page: &str) -> String {
    let line = page
        .lines()
        .find(|line| line.contains("circle forge finish"))
        .unwrap_or_else(|| panic!("{page}"));
    line.trim().trim_start_matches("circle forge finish ").to_owned()
}

async fn finish(circle: &Circle, code: &str) -> Result<String, String> {
    let wish = ForgeOauthFinish {
        code: SecretValue::new(code),
    };
    let view = circle.api.finish_forge_oauth(DEFAULT_WORKSPACE, &wish).await;
    view.map(|view| view.account).map_err(|error| error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_45_state_and_verifier_work_once_and_the_page_does_nothing() {
    for kind in [ForgeKind::Gitea, ForgeKind::Github, ForgeKind::Gitlab] {
        let (circle, forge) = (Circle::start().await, Forge::start(kind).await);
        let asked = begun(&circle, &forge).await;
        assert_eq!(asked["redirect_uri"], format!("{}/oauth/forge", circle.url), "{kind:?}");
        assert_eq!(
            (asked["code_challenge_method"].as_str(), asked["response_type"].as_str()),
            ("S256", "code")
        );
        forge.let_in("the code/+", &asked["code_challenge"], 3600);
        // Whatever stands in the address, the page leads nowhere.
        for state in ["https://evil.example/x", "//evil", "/\\evil", "<script>"] {
            let text = page(&circle, "x", state).await;
            assert!(!text.contains("evil") && !text.contains("script"), "{text}");
        }
        let code = code_on(&page(&circle, "the code/+", &asked["state"]).await);
        assert!(forge.facts().asked.is_empty(), "the page asks nobody");
        let (of_forge, _) = code.split_once('.').expect("code and state");
        let wrong = finish(&circle, &format!("{of_forge}.{}", "f".repeat(64)))
            .await
            .expect_err("another state");
        assert!(wrong.contains("begin anew"), "{wrong}");
        assert_eq!(finish(&circle, &code).await, Ok("bot".into()), "{kind:?}");
        assert!(finish(&circle, &code).await.is_err(), "once");
        // Of another beginning the verifier is another.
        let other = begun(&circle, &forge).await;
        forge.let_in("next", &asked["code_challenge"], 3600);
        let code = code_on(&page(&circle, "next", &other["state"]).await);
        assert!(finish(&circle, &code).await.is_err(), "{kind:?}: another verifier");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ends_is_made_fresh_before_it_does() {
    for kind in [ForgeKind::Gitea, ForgeKind::Gitlab] {
        let (circle, forge) = (Circle::start().await, Forge::start(kind).await);
        forge.facts().repos.push(Repo::of(1, "team/shop"));
        let asked = begun(&circle, &forge).await;
        // Good for less than any request takes at worst: every use makes it fresh, with the refresh token of the last time.
        forge.let_in("code", &asked["code_challenge"], 30);
        let code = code_on(&page(&circle, "code", &asked["state"]).await);
        finish(&circle, &code).await.expect("connected");
        let query = ForgeRepositoryQuery::default();
        let list = || circle.api.forge_repositories(DEFAULT_WORKSPACE, "ours", &query);
        for given in 2..5 {
            assert_eq!(list().await.expect("repositories").items.len(), 1, "{kind:?}");
            assert_eq!(forge.facts().let_in.given, given);
        }
        // Side by side nobody loses the token: it works once.
        let (first, second, third) = tokio::join!(list(), list(), list());
        assert!([first, second, third].iter().all(Result::is_ok), "{kind:?}");
        // Thrown out at the forge: the sentence says what to do.
        forge.facts().let_in.given += 10;
        let refused = list().await.expect_err("thrown out").to_string();
        assert!(refused.contains("set-token") && refused.contains("anew"), "{refused}");
    }
}
