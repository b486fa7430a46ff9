//! A live connection lasts no longer than the right to it.

use std::time::Duration;

use circle_api::client::{Client, RunNews};
use circle_api::resources::TokenScope;
use circle_api::worker::SecretValue;
use futures_util::StreamExt;
use tokio::time::timeout;

use super::shop::Shop;
use crate::events::news;
use crate::live::{close_code, open_socket_as, say};

#[tokio::test(flavor = "multi_thread")]
async fn sec_46_a_connection_is_cut_off_when_its_token_ends() {
    let shop = Shop::open().await;
    let token = shop.token("shop", TokenScope::Read).await;
    let mut socket = open_socket_as(&shop.circle, shop.run, &token).await;
    say(&mut socket, r#"{"message":"subscribe","logs":false}"#).await;
    let first = socket.next().await.expect("a message").expect("a message");
    assert!(first.is_text(), "the first word is the run: {first:?}");
    let tokens = shop.circle.api.tokens(&Default::default()).await.expect("tokens");
    let robot = tokens.items.iter().find(|one| one.name == "robot").expect("the token");
    shop.circle.api.revoke_token(robot.id).await.expect("revoked");
    assert_eq!(close_code(&mut socket).await, Some(4003));
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_46_events_end_with_the_token_and_tell_of_one_workspace_only() {
    let shop = Shop::open().await;
    let (own, other) = (
        shop.token("shop", TokenScope::Read).await,
        shop.token("other", TokenScope::Read).await,
    );
    let client = |token: &str| {
        let endpoint = shop.circle.url.parse().expect("an address");
        Client::new(endpoint, Some(&SecretValue::new(token))).expect("a client")
    };
    let mut stranger = client(&other).events("shop", None);
    assert!(stranger.next().await.expect_err("not theirs").is_not_found());
    let (mut watched, mut elsewhere) = (client(&own).events("shop", None), client(&other).events("other", None));
    assert_eq!(news(&mut watched).await, RunNews::Reset);
    assert_eq!(news(&mut elsewhere).await, RunNews::Reset);
    let cancelled = shop.circle.api.cancel(shop.run, &Default::default()).await;
    cancelled.expect("cancelled");
    assert!(matches!(news(&mut watched).await, RunNews::Run(run) if run.id == shop.run));
    let tokens = shop.circle.api.tokens(&Default::default()).await.expect("tokens");
    for robot in tokens.items.iter().filter(|one| one.name == "robot") {
        shop.circle.api.revoke_token(robot.id).await.expect("revoked");
    }
    // The connection ends, and another one is refused; until then nothing of the other workspace was told.
    for (events, is_stranger) in [(&mut watched, false), (&mut elsewhere, true)] {
        let end = loop {
            match timeout(Duration::from_secs(30), events.next()).await.expect("in time") {
                Ok(RunNews::Run(run)) => assert!(!is_stranger, "{run:?} was told to a stranger"),
                Ok(RunNews::Reset) => panic!("nothing was missed"),
                Err(error) => break error,
            }
        };
        assert_eq!(end.status(), Some(401), "{end}");
    }
}
