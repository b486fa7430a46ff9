//! Leases after everything was closed and opened again.

use super::Fixture;
use super::leases::{Port, take};

type Place<'a> = &'a dyn Fixture<Port>;

pub(super) async fn fences_grow(place: Place<'_>) {
    let leases = place.open().await;
    let before = take(&*leases, "a", "one", 1000).await.expect("free");
    leases.release("a", before.fence).await.expect("released");
    drop(leases);
    let leases = place.open().await;
    let after = take(&*leases, "a", "one", 1000).await.expect("free");
    assert!(after.fence > before.fence, "{} after {}", after.fence, before.fence);
}

pub(super) async fn time_to_come_back(place: Place<'_>) {
    let leases = place.open().await;
    let lease = take(&*leases, "a", "one", 1000).await.expect("free");
    leases.renew("a", lease.fence, 100, 9_000).await.expect("renewed");
    drop(leases);
    let leases = place.open().await;
    assert_eq!(
        leases.expired(50_000).await.expect("an answer"),
        [],
        "its whole time begins again at 50,000"
    );
    take(&*leases, "a", "two", 50_050)
        .await
        .expect_err("the holder may still come back");
    let renewed = leases
        .renew("a", lease.fence, 100, 50_060)
        .await
        .expect("the holder came back");
    assert_eq!((renewed.fence, renewed.until_ms), (lease.fence, 50_160));
    take(&*leases, "a", "two", 50_159).await.expect_err("renewed");
    take(&*leases, "a", "two", 50_160).await.expect("past its time");
}

pub(super) async fn released_stays_released(place: Place<'_>) {
    let leases = place.open().await;
    let lease = take(&*leases, "a", "one", 1000).await.expect("free");
    take(&*leases, "b", "one", 1000).await.expect("free");
    leases.release("a", lease.fence).await.expect("released");
    drop(leases);
    let leases = place.open().await;
    let held = leases.held("").await.expect("an answer");
    assert_eq!(held.iter().map(|lease| lease.name.as_str()).collect::<Vec<_>>(), ["b"]);
}
