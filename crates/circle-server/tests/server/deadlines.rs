//! What time brings about.

use circle_api::resources::{ServiceCreate, VerdictView};
use reqwest::Method;

use crate::support::{Circle, Options, PIPELINE, Played, Repo, slug, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_worker_loses_its_run_to_the_next() {
    // Short enough to wait for, long enough for the lively one, which does not beat either, to be done in time.
    let circle = Circle::start_with(Options {
        lease_ms: 12_000,
        ..Options::default()
    })
    .await;
    let repo = Repo::with(PIPELINE).await;
    circle.service("shop", repo.url()).await;
    let silent = Played::enrol(&circle, "silent", 1).await;
    let run = circle.trigger("shop").await;
    let lost = silent.claim(run).await;
    until(
        "the run to wait again",
        || circle.run(run),
        |view| view.run.state.word() == "queued",
    )
    .await;
    let beat = lost
        .request(Method::POST, "heartbeat")
        .json(&serde_json::json!({}))
        .send()
        .await
        .expect("an answer");
    assert_eq!(beat.status(), 409);
    assert_eq!(lost.log(lost.chunk("checkout", (0, 0), b"late")).await.status(), 409);
    let lively = Played::enrol(&circle, "lively", 1).await;
    let mut job = lively.claim(run).await;
    assert_eq!(job.assignment.attempt, 2);
    job.succeed().await;
    assert_eq!(circle.ended(run).await.run.state.word(), "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_beating_worker_keeps_its_run() {
    let circle = Circle::start_with(Options {
        lease_ms: 4_000,
        ..Options::default()
    })
    .await;
    let repo = Repo::with(PIPELINE).await;
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let run = circle.trigger("shop").await;
    let mut job = worker.claim(run).await;
    let began = std::time::Instant::now();
    while began.elapsed().as_millis() < 9_000 {
        let beat = job
            .request(Method::POST, "heartbeat")
            .json(&serde_json::json!({}))
            .send()
            .await
            .expect("an answer");
        assert_eq!(beat.status(), 200);
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
    job.succeed().await;
    assert_eq!(circle.ended(run).await.run.state.word(), "succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_nobody_takes_ends_with_a_reason() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    let wish = ServiceCreate {
        name: slug("shop"),
        repository: repo.url().into(),
        default_branch: None,
        pipeline_path: None,
        image: None,
        default_deploys: Vec::new(),
        queue_timeout_s: Some(1),
        max_parallel: None,
        max_parallel_ref: None,
        poll_s: None,
    };
    circle.service_as(wish).await;
    let view = circle.ended(circle.trigger("shop").await).await;
    let Some(VerdictView::Failed { failure }) = view.verdict else {
        panic!("{view:?}")
    };
    assert_eq!(failure.kind, "queue_timeout");
    assert!(failure.message.contains("no cell was free"), "{}", failure.message);
}
