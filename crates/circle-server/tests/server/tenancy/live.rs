//! A live connection lasts no longer than the right to it.

use circle_api::resources::TokenScope;
use futures_util::StreamExt;

use super::shop::Shop;
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
