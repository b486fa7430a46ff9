//! The engine dies before and after every call of a target, and is started again: nothing is done twice, nothing is
//! left half.

use std::sync::atomic::Ordering;
use std::time::Duration;

use circle_core::ids::RunId;
use tokio::time::timeout;

use crate::bench::Bench;
use crate::counted::When;
use crate::images::Health;
use crate::updates::with_production;

/// Looks while a rollout is watched are alike: only the first calls differ in what they decide.
const CALLS: usize = 6;
/// The end of a deployment is a handful of calls behind its last look.
const LIMIT: Duration = Duration::from_secs(30);

/// Kills the engine at the moment, if the run gets there, and starts it again.
async fn with_a_crash(
    bench: &mut Bench,
    run: impl AsyncFnOnce(&Bench) -> RunId,
    moment: (usize, When),
) -> (RunId, bool) {
    bench.tally.crash_at(moment.0, moment.1);
    let id = run(bench).await;
    let crashed = crash_or_end(bench, id).await;
    (id, crashed)
}

/// Waits for the crash and starts the engine again; `false` when the run ended without it.
async fn crash_or_end(bench: &mut Bench, run: RunId) -> bool {
    let crashed = tokio::select! {
        () = bench.tally.crashed.notified() => true,
        ended = timeout(LIMIT, bench.ended(run)) => { ended.expect("it ends"); false }
    };
    bench.tally.never_crash();
    bench.kill_engine().await;
    bench.start_engine();
    crashed
}

pub(crate) async fn sec_67_a_crash_at_every_call_of_an_update_applies_it_once() {
    let mut bench = with_production().await;
    let (one, two) = (
        bench.version("one", Health::Good).await,
        bench.version("two", Health::Good).await,
    );
    let first = bench.deploy(1, &one).await;
    assert_eq!(bench.ended(first).await.0, "succeeded");
    let mut number = 1;
    let mut crashes = 0;
    for call in 0..CALLS {
        for when in [When::Before, When::After] {
            number += 1;
            let digest = if number % 2 == 0 { &two } else { &one };
            let before = bench.tally.writes();
            let (id, crashed) = with_a_crash(
                &mut bench,
                async |bench| bench.deploy(number, digest).await,
                (call, when),
            )
            .await;
            assert_eq!(bench.ended(id).await.0, "succeeded", "crash {when:?} call {call}");
            bench.answers("shop", if number % 2 == 0 { "two" } else { "one" }).await;
            let after = bench.tally.writes();
            assert_eq!(
                (after.0 - before.0, after.1 - before.1, after.2 - before.2),
                (0, 1, 0),
                "crash {when:?} call {call}"
            );
            crashes += usize::from(crashed);
        }
    }
    assert!(crashes >= 10, "only {crashes} crashes happened");
    println!("{crashes} crashes in updates, each applied once");
    bench.stop().await;
}

pub(crate) async fn sec_67_a_crash_at_every_call_of_a_rollback_goes_back_once() {
    let mut bench = with_production().await;
    let (one, bad) = (
        bench.version("one", Health::Good).await,
        bench.version("bad", Health::Bad).await,
    );
    let first = bench.deploy(1, &one).await;
    assert_eq!(bench.ended(first).await.0, "succeeded");
    let mut crashes = 0;
    for (place, moment) in [
        (1, When::Before),
        (1, When::After),
        (0, When::Before),
        (0, When::After),
        (2, When::After),
    ]
    .into_iter()
    .enumerate()
    {
        let number = 2 + place as u64;
        let before = bench.tally.writes();
        let id = bench.deploy(number, &bad).await;
        bench.state(id, "rolling_back").await;
        // From here on: the look that finds the bad version, the call that puts the old one back, looks.
        bench.kill_engine().await;
        bench.tally.crash_at(moment.0, moment.1);
        bench.start_engine();
        // On a machine that stood still the first engine may have come to the end before it was killed.
        crashes += usize::from(crash_or_end(&mut bench, id).await);
        let (word, message) = bench.ended(id).await;
        assert!(
            word == "failed" && message.contains("rolled back"),
            "crash {moment:?}: {word} {message}"
        );
        bench.answers("shop", "one").await;
        let after = bench.tally.writes();
        assert_eq!((after.0 - before.0, after.1 - before.1), (0, 1), "crash {moment:?}");
        // Never twice. The first engine may have died between sending the call and hearing of it: then nobody counted
        // it, and the old version, which answers, is what shows it.
        assert!(
            after.2 - before.2 <= 1,
            "crash {moment:?}: {} reverts",
            after.2 - before.2
        );
    }
    assert!(crashes >= 3, "only {crashes} crashes happened");
    bench.stop().await;
}

pub(crate) async fn sec_67_a_crash_around_the_first_deployment_makes_one_service() {
    for when in [When::Before, When::After] {
        let mut bench = with_production().await;
        let one = bench.version("one", Health::Good).await;
        // Look, look again with the intent stored, create.
        let (id, crashed) = with_a_crash(&mut bench, async |bench| bench.deploy(1, &one).await, (2, when)).await;
        assert!(crashed, "the moment came");
        assert_eq!(bench.ended(id).await.0, "succeeded", "crash {when:?}");
        bench.answers("shop", "one").await;
        assert_eq!(bench.tally.creates.load(Ordering::SeqCst), 1, "crash {when:?}");
        bench.stop().await;
    }
}
