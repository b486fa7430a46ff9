//! Everything that was acknowledged is there after a restart.

use circle_api::worker::Order;
use circle_core::run::WorkerEvent;

use crate::support::{Circle, Hook, PIPELINE, Played, Repo, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_over_a_restart_of_the_server() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let run = circle.trigger("shop").await;
    let waiting = circle.trigger("shop").await;
    let mut job = worker.claim(run).await;
    job.stage("checkout", None).await;
    assert_eq!(job.log(job.chunk("checkout", (0, 0), b"before\n")).await.status(), 200);
    let first_token = circle.token.clone();
    let circle = circle.restart().await;
    assert_eq!(circle.token, first_token);
    let worker = worker.at(&circle);
    let mut job = job.at(&worker);
    assert_eq!(job.log(job.chunk("checkout", (1, 7), b"after\n")).await.status(), 200);
    for stage in ["pre_build", "build", "push"] {
        job.stage(stage, None).await;
    }
    job.tell(WorkerEvent::PartSucceeded).await;
    assert_eq!(circle.ended(run).await.run.state.word(), "succeeded");
    let log = circle
        .get(&format!("/api/v1/runs/{run}/log/checkout"))
        .await
        .text()
        .await
        .expect("a log");
    assert_eq!(log, "before\nafter\n");
    // The second one waited for the first, also over the restart.
    let mut orders = worker.orders().await;
    assert_eq!(worker.take(&mut orders).await.run(), waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_told_to_a_worker_that_was_not_there() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let run = circle.trigger("shop").await;
    let _job = worker.claim(run).await;
    circle.api.cancel(run, &Default::default()).await.expect("taken");
    let circle = circle.restart().await;
    let mut orders = worker.at(&circle).orders().await;
    let order = orders.next().await;
    assert!(
        matches!(order, Some(Order::Cancel { run: told, .. }) if told == run),
        "{order:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_was_not_understood_before_the_end_is_understood_after_it() {
    let (circle, mut repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let commit = repo.push_file("a", "1", "main").await;
    let created = circle.service("shop", repo.url()).await;
    repo.server.stop().await.expect("stopped");
    let accepted = Hook::push("refs/heads/main", &commit)
        .accepted(&circle, &created.hook)
        .await;
    let circle = circle.restart().await;
    repo.server.start_again().await.expect("started");
    let look = || async {
        circle
            .api
            .delivery(accepted.delivery)
            .await
            .expect("the delivery")
            .state
    };
    let run = |state: &circle_api::resources::DeliveryState| {
        matches!(state, circle_api::resources::DeliveryState::Run { .. })
    };
    until("the delivery to become a run", look, run).await;
}
