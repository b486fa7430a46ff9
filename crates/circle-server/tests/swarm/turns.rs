//! Several wishes for one workload.

use circle_core::deployment::DeploymentState;

use crate::images::Health;
use crate::updates::with_production;

pub(crate) async fn sec_66_two_deployments_of_one_workload_take_turns() {
    let bench = with_production().await;
    let (one, two) = (
        bench.version("one", Health::Good).await,
        bench.version("two", Health::Good).await,
    );
    let three = bench.version("three", Health::Good).await;
    let first = bench.deploy(1, &one).await;
    assert_eq!(bench.ended(first).await.0, "succeeded");
    let second = bench.deploy(2, &two).await;
    bench.state(second, "watching").await;
    let third = bench.deploy(3, &three).await;
    bench.state(third, "queued").await;
    assert_eq!(bench.ended(second).await.0, "succeeded");
    assert_eq!(bench.ended(third).await.0, "succeeded");
    bench.answers("shop", "three").await;
    let (second, third) = (&bench.deployments(second).await[0], &bench.deployments(third).await[0]);
    let began = third
        .notes
        .iter()
        .find(|note| note.message.contains("is ours"))
        .expect("it began")
        .at;
    assert!(
        second.state.ended_at().expect("it ended") <= began,
        "{:?} {:?}",
        second.notes,
        third.notes
    );
    assert_eq!(
        third.before.as_ref().and_then(|before| before.digest.clone()),
        Some(two),
        "it began from the other's version"
    );
    assert_eq!(bench.tally.writes(), (1, 2, 0));
    bench.stop().await;
}

pub(crate) async fn a_cancelled_deployment_goes_back_and_an_abandoned_one_stays() {
    let bench = with_production().await;
    let (one, bad) = (
        bench.version("one", Health::Good).await,
        bench.version("two", Health::Good).await,
    );
    let first = bench.deploy(1, &one).await;
    assert_eq!(bench.ended(first).await.0, "succeeded");

    let second = bench.deploy(2, &bad).await;
    bench.state(second, "watching").await;
    bench.cancel(second, false).await;
    assert_eq!(bench.ended(second).await.0, "cancelled");
    let state = &bench.deployments(second).await[0].state;
    assert!(matches!(state, DeploymentState::RolledBack { .. }), "{state:?}");
    bench.answers("shop", "one").await;
    assert!(
        bench.workload("shop").await.expect("known").quarantined.is_empty(),
        "a wish is no fault of the version"
    );

    let third = bench.deploy(3, &bad).await;
    bench.state(third, "watching").await;
    bench.cancel(third, true).await;
    assert_eq!(bench.ended(third).await.0, "cancelled");
    assert_eq!(bench.deployments(third).await[0].state.word(), "abandoned");
    bench.answers("shop", "two").await;
    assert_eq!(bench.tally.writes(), (1, 2, 1));
    bench.stop().await;
}
