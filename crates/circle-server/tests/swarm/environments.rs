//! Who reaches an environment, and in which order.

use circle_core::plan::DeployStep;
use circle_server::records::EnvironmentRecord;

use crate::bench::Bench;
use crate::images::Health;
use crate::runs::{environment, on_branch, run, step, with_steps};
use crate::updates::with_production;

pub(crate) async fn sec_71_a_ref_that_is_not_protected_touches_nothing() {
    let bench = with_production().await;
    let one = bench.version("one", Health::Good).await;
    let id = bench
        .deploys(&on_branch(run(1, &bench.repository(), &one), "scratch"))
        .await;
    let (word, message) = bench.ended(id).await;
    assert_eq!(word, "failed");
    assert!(
        message.contains("refs/heads/scratch may not deploy to production"),
        "{message}"
    );
    assert!(bench.deployments(id).await.is_empty());
    assert_eq!(
        bench.tally.calls.load(std::sync::atomic::Ordering::SeqCst),
        0,
        "the target was not even looked at"
    );
    bench.stop().await;
}

pub(crate) async fn an_environment_waits_for_those_it_needs() {
    let mut bench = Bench::start().await;
    for name in ["staging", "production"] {
        let made = environment(name, bench.target, &format!("shop-{name}"), true);
        bench.records.insert(&EnvironmentRecord(made)).await.expect("written");
    }
    bench.start_engine();
    let steps = || {
        vec![
            DeployStep {
                needs: vec!["staging".into()],
                ..step("production")
            },
            step("staging"),
        ]
    };
    let one = bench.version("one", Health::Good).await;
    let first = bench
        .deploys(&with_steps(run(1, &bench.repository(), &one), steps()))
        .await;
    assert_eq!(bench.ended(first).await.0, "succeeded");
    let done = bench.deployments(first).await;
    let (production, staging) = (&done[0], &done[1]);
    let began = production
        .notes
        .iter()
        .find(|note| note.message.contains("is ours"))
        .expect("it began")
        .at;
    assert!(
        staging.state.ended_at().expect("it ended") <= began,
        "{:?}",
        production.notes
    );

    let bad = bench.version("bad", Health::Bad).await;
    let second = bench
        .deploys(&with_steps(run(2, &bench.repository(), &bad), steps()))
        .await;
    let (word, message) = bench.ended(second).await;
    assert_eq!(word, "failed");
    assert!(message.contains("shop-staging in staging was rolled back"), "{message}");
    assert_eq!(bench.deployments(second).await[0].state.word(), "cancelled");
    bench.answers("shop-production", "one").await;
    assert_eq!(bench.tally.writes(), (2, 1, 1), "production was not touched");
    bench.stop().await;
}
