//! Targets that go away, and people who change things by hand.

use std::sync::atomic::Ordering;

use crate::bench::Bench;
use crate::images::{Health, docker};
use crate::proxy::Proxy;
use crate::updates::{in_production, with_production};

/// A bench whose way to the target can be cut.
async fn behind_a_proxy() -> (Bench, Proxy) {
    let mut bench = with_production().await;
    let mut proxy = Proxy::new(bench.folder(), bench.swarm.socket());
    proxy.mend();
    bench.reach(&proxy.endpoint()).await;
    (bench, proxy)
}

async fn silent(bench: &Bench, id: circle_core::ids::RunId) {
    bench
        .until("the silence is noticed", async || {
            let notes: Vec<String> = bench
                .deployments(id)
                .await
                .iter()
                .flat_map(|one| one.notes.clone())
                .map(|note| note.message)
                .collect();
            if notes.iter().any(|note| note.contains("does not answer")) {
                Ok(())
            } else {
                Err(format!("{notes:?}"))
            }
        })
        .await;
}

pub(crate) async fn a_target_that_goes_away_in_mid_deploy_is_waited_for() {
    let (bench, mut proxy) = behind_a_proxy().await;
    let (one, two) = (
        bench.version("one", Health::Good).await,
        bench.version("two", Health::Good).await,
    );
    let first = bench.deploy(1, &one).await;
    assert_eq!(bench.ended(first).await.0, "succeeded");
    let second = bench.deploy(2, &two).await;
    bench.state(second, "watching").await;
    proxy.cut().await;
    silent(&bench, second).await;
    proxy.mend();
    assert_eq!(bench.ended(second).await.0, "succeeded");
    bench.answers("shop", "two").await;
    let notes: Vec<String> = bench.deployments(second).await[0]
        .notes
        .iter()
        .map(|note| note.message.clone())
        .collect();
    assert!(notes.iter().any(|note| note.contains("answers again")), "{notes:?}");
    assert_eq!(bench.tally.writes(), (1, 1, 0));
    bench.stop().await;
}

/// The daemon dies at the moment that the deployment is in this state, and comes back with what it had written down.
async fn with_a_killed_daemon(bench: &mut Bench, number: u64, digest: &str, state: &str) -> (String, String) {
    let id = bench.deploy(number, digest).await;
    bench.state(id, state).await;
    bench.swarm.kill_engine().await.expect("killed");
    silent(bench, id).await;
    bench.swarm.revive_engine().await.expect("it is back");
    bench.ended(id).await
}

pub(crate) async fn a_target_whose_daemon_is_killed_in_mid_deploy_is_waited_for_and_written_once() {
    let mut bench = in_production(Bench::start_mortal().await).await;
    let (one, two) = (
        bench.version("one", Health::Good).await,
        bench.version("two", Health::Good).await,
    );
    let bad = bench.version("bad", Health::Bad).await;
    let first = bench.deploy(1, &one).await;
    assert_eq!(bench.ended(first).await.0, "succeeded");

    let (word, message) = with_a_killed_daemon(&mut bench, 2, &two, "watching").await;
    assert_eq!(word, "succeeded", "{message}");
    bench.answers("shop", "two").await;
    assert_eq!(bench.tally.writes(), (1, 1, 0), "the update was written once");

    let (word, message) = with_a_killed_daemon(&mut bench, 3, &bad, "rolling_back").await;
    assert!(word == "failed" && message.contains("rolled back"), "{word} {message}");
    bench.answers("shop", "two").await;
    // Never twice. The daemon may have died after it wrote the way back and before it said so: then nobody counted it,
    // and the version that answers is what shows it.
    let (creates, applies, reverts) = bench.tally.writes();
    assert!(
        (creates, applies) == (1, 2) && reverts <= 1,
        "and so was the way back: {:?}",
        bench.tally
    );
    bench.stop().await;
}

pub(crate) async fn a_target_that_is_away_at_first_is_waited_for_and_can_be_given_up() {
    let (bench, mut proxy) = behind_a_proxy().await;
    let one = bench.version("one", Health::Good).await;
    proxy.cut().await;
    let first = bench.deploy(1, &one).await;
    silent(&bench, first).await;
    bench.cancel(first, false).await;
    assert_eq!(
        bench.ended(first).await.0,
        "cancelled",
        "a silent target holds nobody up"
    );
    let second = bench.deploy(2, &one).await;
    silent(&bench, second).await;
    proxy.mend();
    assert_eq!(bench.ended(second).await.0, "succeeded");
    bench.answers("shop", "one").await;
    assert_eq!(bench.tally.writes(), (1, 0, 0));
    bench.stop().await;
}

pub(crate) async fn a_change_by_somebody_else_stops_the_deployment() {
    let bench = with_production().await;
    let (one, two) = (
        bench.version("one", Health::Good).await,
        bench.version("two", Health::Good).await,
    );
    let first = bench.deploy(1, &one).await;
    assert_eq!(bench.ended(first).await.0, "succeeded");
    let socket = bench.swarm.socket().to_owned();
    // After the look, before the write: the moment for which the condition on writes is there.
    bench.tally.before_write(Box::new(move || {
        Box::pin(async move {
            docker(
                &socket,
                &[
                    "service",
                    "update",
                    "--detach",
                    "--quiet",
                    "--env-add",
                    "BY=HAND",
                    "shop",
                ],
                &[],
            )
            .await;
        })
    }));
    let second = bench.deploy(2, &two).await;
    let (word, message) = bench.ended(second).await;
    assert_eq!(word, "failed");
    assert!(message.contains("somebody else changed shop"), "{message}");
    assert_eq!(
        bench.tally.applies.load(Ordering::SeqCst),
        0,
        "nothing was written over"
    );
    bench.answers("shop", "one").await;
    // The next deployment takes what is there as its base, and keeps what was changed.
    let third = bench.deploy(3, &two).await;
    assert_eq!(bench.ended(third).await.0, "succeeded");
    let socket = bench.swarm.socket().to_owned();
    let env = docker(
        &socket,
        &[
            "service",
            "inspect",
            "--format",
            "{{json .Spec.TaskTemplate.ContainerSpec.Env}}",
            "shop",
        ],
        &[],
    )
    .await;
    assert!(env.contains("BY=HAND"), "{env}");
    bench.stop().await;
}
