//! Who goes first, why a run waits, and how fast runs are handed out.

use std::collections::BTreeSet;

use circle_api::resources::ServiceCreate;
use circle_api::worker::Order;

use crate::support::{Circle, PIPELINE, Played, Repo, slug, until};

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
    let wish = ServiceCreate {
        name: slug("shop"),
        repository: repo.url().into(),
        default_branch: None,
        pipeline_path: None,
        image: None,
        default_deploys: Vec::new(),
        queue_timeout_s: None,
        max_parallel: Some(1),
    };
    circle.service_as(wish).await;
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
