//! Beginning and end.

use crate::CellSpec;

use super::Ground;
use super::container::Container;

pub(super) async fn answers_and_leaves_nothing(ground: &Ground) {
    let cell = ground.start().await;
    cell.health().await.expect("a started cell answers");
    assert!(cell.timings().total_ms > 0, "a start takes time");
    assert_eq!(Container::script(&cell, "exit 7").run().await, 7);
    let there = ground.fixture.remains(&*ground.provider).await;
    assert!(
        !there.is_empty(),
        "whoever looks for remains does not see a living cell"
    );
    cell.kill().await.expect("everything is removed");
    let left = ground.fixture.remains(&*ground.provider).await;
    assert!(left.is_empty(), "a kill returned, and this was left: {left:?}");
}

pub(super) async fn a_failed_start_leaves_nothing(ground: &Ground) {
    let wrong = CellSpec {
        images: vec!["/no/such/image.tar".into()],
        ..CellSpec::default()
    };
    let error = ground
        .provider
        .start(&wrong)
        .await
        .expect_err("an image that is not there");
    assert!(error.to_string().contains("/no/such/image.tar"), "{error}");
    ground.nothing_is_left().await;
    // The next one starts as if nothing had been.
    let cell = ground.start().await;
    cell.kill().await.expect("everything is removed");
}

pub(super) async fn two_side_by_side(ground: &Ground) {
    let other = ground.fixture.open().await;
    assert_ne!(
        ground.provider.describe().instance,
        other.describe().instance,
        "two providers carry one name"
    );
    let plain = CellSpec::default();
    let (own, foreign) = tokio::join!(ground.start(), other.start(&plain));
    let foreign = foreign.expect("the other's cell");
    assert_ne!(own.id(), foreign.id());
    for provider in [&*ground.provider, &*other] {
        let swept = provider.sweep().await.expect("a sweep beside living cells");
        assert!(swept.is_empty(), "a sweep touched living cells: {swept:?}");
    }
    own.kill().await.expect("everything is removed");
    foreign.health().await.expect("the other's cell lives on");
    foreign.kill().await.expect("everything is removed");
}
