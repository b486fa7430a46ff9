//! Who goes first, why a run waits, and how fast runs are handed out.

use std::collections::BTreeSet;

use circle_api::resources::{RerunRequest, WorkspaceChange};
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_api::worker::Order;
use circle_core::ids::RunId;
use circle_core::queue::Priority;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{Circle, PIPELINE, Played, Repo, until};

/// Runs of one branch side by side, with nothing to do.
const PARALLEL: &str = "concurrency: {branch: parallel}\nintegration:\n  image: busybox\n  commands: [test]\n";
/// A newer push ends what runs.
const CANCELS: &str = "concurrency: {branch: cancel_running}\nintegration:\n  image: busybox\n  commands: [test]\n";

async fn why(circle: &Circle, run: RunId) -> String {
    circle.run(run).await.waiting.expect("it waits").sentence
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_run_says_why() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let first = circle.trigger("shop").await;
    let second = circle.trigger("shop").await;
    let waiting = circle.run(first).await.waiting.expect("a reason");
    assert!(waiting.sentence.contains("no worker is connected"), "{waiting:?}");
    let worker = Played::enrol(&circle, "w", 1).await;
    let mut orders = worker.orders().await;
    let mut job = worker.take(&mut orders).await;
    assert_eq!(job.run(), first);
    // Runs of one branch go one after the other.
    let waiting = circle.run(second).await.waiting.expect("a reason");
    assert!(waiting.sentence.contains("run 1"), "{waiting:?}");
    job.succeed().await;
    let mut job = worker.take(&mut orders).await;
    assert_eq!(job.run(), second);
    job.succeed().await;
    assert_eq!(circle.ended(second).await.run.state.word(), "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn services_take_turns_however_many_runs_one_has() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    for name in ["many", "few"] {
        circle.service(name, repo.url()).await;
    }
    for number in 0..4 {
        repo.inner.push(&format!("refs/heads/b{number}")).await.expect("pushed");
        circle.trigger_branch("many", Some(&format!("b{number}"))).await;
    }
    let few = circle.trigger("few").await;
    let worker = Played::enrol(&circle, "w", 2).await;
    let mut orders = worker.orders().await;
    let mut offered = BTreeSet::new();
    while offered.len() < 2 {
        if let Some(Order::Offer { run, .. }) = orders.next().await {
            offered.insert(run);
        }
    }
    assert!(offered.contains(&few), "{offered:?} without {few}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_runs_no_more_at_once_than_it_may() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle
        .service_with("shop", repo.url(), json!({ "max_parallel": 1 }))
        .await;
    repo.inner.push("refs/heads/side").await.expect("pushed");
    let (first, second) = (
        circle.trigger("shop").await,
        circle.trigger_branch("shop", Some("side")).await,
    );
    let worker = Played::enrol(&circle, "w", 5).await;
    let mut orders = worker.orders().await;
    let mut job = worker.take(&mut orders).await;
    assert_eq!(job.run(), first);
    let waiting = circle.run(second).await.waiting.expect("a reason");
    assert!(waiting.sentence.contains("at most 1"), "{waiting:?}");
    job.succeed().await;
    assert_eq!(worker.take(&mut orders).await.run(), second);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_push_cancels_the_older_run_where_the_file_says_so() {
    let circle = Circle::start().await;
    let repo = Repo::with(&format!("concurrency: {{branch: cancel_running}}\n{PIPELINE}")).await;
    circle.service("shop", repo.url()).await;
    let first = circle.trigger("shop").await;
    let second = circle.trigger("shop").await;
    let view = circle.ended(first).await;
    assert_eq!(view.run.state.word(), "cancelled", "{view:?}");
    assert_eq!(circle.run(second).await.run.state.word(), "queued");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_is_not_answered_goes_to_another_worker() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let (deaf, keen) = (
        Played::enrol(&circle, "deaf", 1).await,
        Played::enrol(&circle, "keen", 1).await,
    );
    let mut ignored = deaf.orders().await;
    let run = circle.trigger("shop").await;
    assert!(matches!(ignored.next().await, Some(Order::Offer { .. })));
    let mut orders = keen.orders().await;
    drop(ignored);
    let job = keen.take(&mut orders).await;
    assert_eq!(job.run(), run);
    let look = || circle.run(run);
    until("the run to go", look, |view| view.run.state.word() == "running").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_repetitions_at_once_are_a_hundred_runs_with_their_own_numbers() {
    const RUNS: u64 = 100;
    let (circle, repo) = (Circle::start().await, Repo::with(PARALLEL).await);
    circle.service("shop", repo.url()).await;
    let first = circle.trigger("shop").await;
    circle.api.cancel(first, &Default::default()).await.expect("cancelled");
    let mut reruns = JoinSet::new();
    for _ in 0..RUNS {
        let api = circle.api.clone();
        reruns.spawn(async move { api.rerun(first, &RerunRequest::default()).await });
    }
    let mut numbers = BTreeSet::new();
    while let Some(rerun) = reruns.join_next().await {
        let run = rerun.expect("no panic").expect("a run, however many ask");
        numbers.insert(run.number);
    }
    assert_eq!(numbers, (2..2 + RUNS).collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_run_has_a_place_an_estimate_and_an_end() {
    let (circle, repo) = (Circle::start().await, Repo::with(PARALLEL).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let mut orders = worker.orders().await;
    circle.trigger("shop").await;
    worker.take(&mut orders).await.succeed().await;
    circle.trigger("shop").await;
    let mut running = worker.take(&mut orders).await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(circle.trigger("shop").await);
    }
    let reason = circle.run(waiting[2]).await.waiting.expect("a reason");
    assert_eq!(reason.sentence, "2 runs are ahead; the only cell is busy");
    assert_eq!(reason.place, Some(3));
    assert!(reason.estimate_s.is_some_and(|seconds| seconds <= 60), "{reason:?}");
    let left = reason
        .times_out_at
        .expect("an end")
        .duration_since(jiff::Timestamp::now());
    assert!((7_100..=7_200).contains(&left.as_secs()), "{left:?}");
    // What was said is what happens, and who is cancelled is not waited for.
    let ended = circle
        .api
        .cancel(waiting[0], &Default::default())
        .await
        .expect("cancelled");
    assert_eq!(ended.state.word(), "cancelled");
    assert_eq!(circle.run(waiting[2]).await.waiting.expect("a reason").place, Some(2));
    running.succeed().await;
    assert_eq!(worker.take(&mut orders).await.run(), waiting[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_earlier_runs_took_is_known_after_a_restart() {
    let (circle, repo) = (Circle::start().await, Repo::with(PARALLEL).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let mut orders = worker.orders().await;
    let run = circle.trigger("shop").await;
    worker.take(&mut orders).await.succeed().await;
    circle.ended(run).await;
    drop(orders);
    let circle = circle.restart().await;
    let worker = worker.at(&circle);
    let mut orders = worker.orders().await;
    circle.trigger("shop").await;
    let _running = worker.take(&mut orders).await;
    let waiting = circle.trigger("shop").await;
    let reason = circle.run(waiting).await.waiting.expect("a reason");
    assert!(reason.estimate_s.is_some(), "{reason:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_and_a_ref_have_limits_of_their_own() {
    let (circle, repo) = (Circle::start().await, Repo::with(PARALLEL).await);
    circle
        .service_with("shop", repo.url(), json!({ "max_parallel_ref": 1 }))
        .await;
    circle.service("mail", repo.url()).await;
    repo.inner.push("refs/heads/side").await.expect("pushed");
    let worker = Played::enrol(&circle, "w", 5).await;
    let mut orders = worker.orders().await;
    circle.trigger("shop").await;
    let mut first = worker.take(&mut orders).await;
    let same_ref = circle.trigger("shop").await;
    assert_eq!(why(&circle, same_ref).await, "the ref runs at most 1 at the same time");
    circle.trigger_branch("shop", Some("side")).await;
    let _side = worker.take(&mut orders).await;

    let change = |most| WorkspaceChange {
        max_parallel: Some(most),
        ..WorkspaceChange::default()
    };
    let set = circle.api.change_workspace(DEFAULT_WORKSPACE, &change(2)).await;
    assert_eq!(set.expect("changed").max_parallel, 2);
    let other = circle.trigger("mail").await;
    assert_eq!(
        why(&circle, other).await,
        "the workspace runs at most 2 at the same time"
    );
    assert_eq!(
        worker.try_claim(other).await.status(),
        409,
        "nor may it be claimed unasked"
    );
    first.succeed().await;
    assert_eq!(
        worker.take(&mut orders).await.run(),
        other,
        "the service with fewer runs"
    );
    circle
        .api
        .change_workspace(DEFAULT_WORKSPACE, &change(3))
        .await
        .expect("changed");
    assert_eq!(worker.take(&mut orders).await.run(), same_ref);
    circle
        .api
        .change_workspace(DEFAULT_WORKSPACE, &change(0))
        .await
        .expect_err("at least one");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_urgent_run_goes_first_within_its_workspace() {
    let (circle, repo) = (Circle::start().await, Repo::with(PARALLEL).await);
    for name in ["shop", "mail"] {
        circle.service(name, repo.url()).await;
    }
    let low = circle.trigger_as("shop", "main", Priority::Low).await;
    let normal = circle.trigger_as("shop", "main", Priority::Normal).await;
    let urgent = circle.trigger_as("mail", "main", Priority::High).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let mut orders = worker.orders().await;
    for expected in [urgent, normal, low] {
        let mut job = worker.take(&mut orders).await;
        assert_eq!(job.run(), expected);
        job.succeed().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_push_ends_what_runs_and_goes_when_that_is_over() {
    let (circle, repo) = (Circle::start().await, Repo::with(CANCELS).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 5).await;
    let mut orders = worker.orders().await;
    let first = circle.trigger("shop").await;
    let mut running = worker.take(&mut orders).await;
    let second = circle.trigger("shop").await;
    let Some(Order::Cancel { run, .. }) = orders.next().await else {
        panic!("the worker is told to end the older run")
    };
    assert_eq!(run, first);
    assert!(why(&circle, second).await.contains("being cancelled"));
    running.tell(circle_core::run::WorkerEvent::PartCancelled).await;
    assert_eq!(circle.ended(first).await.run.state.word(), "cancelled");
    let mut job = worker.take(&mut orders).await;
    assert_eq!(job.run(), second);
    // Repeating the old one is nothing newer: it waits for what runs.
    let again = circle
        .api
        .rerun(first, &RerunRequest::default())
        .await
        .expect("a rerun")
        .id;
    assert!(why(&circle, again).await.contains("run 2 of the same ref goes first"));
    job.succeed().await;
    assert_eq!(circle.ended(second).await.run.state.word(), "succeeded");
    assert_eq!(worker.take(&mut orders).await.run(), again);
}
