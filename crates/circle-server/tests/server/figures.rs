//! Bursts: nothing is lost, and the work for each one does not grow with their number. How fast it goes is printed; the
//! benches measure it, with nothing else on the machine.

use std::time::{Duration, Instant};

use circle_api::worker::Order;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::task::JoinSet;

use crate::support::{Circle, Hook, Played, Repo};

/// What takes longer does not go slowly, it goes worse with every one more.
const STUCK: Duration = Duration::from_secs(30);
/// A pipeline with one stage beside the checkout, so that a run is four events.
const SMALL: &str = "concurrency: {branch: parallel}\nintegration:\n  image: busybox\n  commands: [test]\n";

#[tokio::test(flavor = "multi_thread")]
async fn hooks_are_answered_quickly_and_all_are_on_the_disk() {
    const HOOKS: u64 = 1_000;
    const PAUSE: Duration = Duration::from_millis(2);
    let (circle, repo) = (Circle::start().await, Repo::with(SMALL).await);
    let created = circle.service("shop", repo.url()).await;
    let mut answers = JoinSet::new();
    let mut pace = tokio::time::interval(PAUSE);
    for number in 0..HOOKS {
        pace.tick().await;
        // Refs that are ignored: the hook's way to the disk is what counts here, not what becomes of it.
        let hook = Hook::push("refs/notes/x", &"a".repeat(40)).named(&format!("n{number}"));
        let request = hook.request(&circle, &created.hook);
        answers.spawn(async move {
            let began = Instant::now();
            let status = request.send().await.expect("an answer").status();
            assert_eq!(status, 202);
            began.elapsed()
        });
    }
    let mut times = answers.join_all().await;
    times.sort_unstable();
    let (half, most) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("hooks at 500/s: p50 {half:?}, p99 {most:?}");
    assert!(most < STUCK, "p99 {most:?}");
    let restarted = circle.restart().await;
    let mut seen = 0;
    let mut query = circle_api::resources::DeliveryQuery {
        service: None,
        cursor: None,
        limit: Some(200),
    };
    loop {
        let page = restarted.api.deliveries("default", &query).await.expect("a page");
        seen += page.items.len() as u64;
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => break,
        }
    }
    assert_eq!(seen, HOOKS);
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_handed_out_quickly() {
    const RUNS: usize = 300;
    let (circle, repo) = (Circle::start().await, Repo::with(SMALL).await);
    circle
        .service_as(
            serde_json::from_value(
                serde_json::json!({ "name": "shop", "repository": repo.url(), "max_parallel": 1000 }),
            )
            .expect("a wish"),
        )
        .await;
    // The first run is planned from the repository, the others repeat it, which needs no git.
    let first = circle.trigger("shop").await;
    circle.api.cancel(first, &Default::default()).await.expect("cancelled");
    for _ in 0..RUNS {
        circle.api.rerun(first, &Default::default()).await.expect("a rerun");
    }
    let worker = Played::enrol(&circle, "w", 64).await;
    let began = Instant::now();
    let mut orders = worker.orders().await;
    let mut jobs = FuturesUnordered::new();
    let mut done = 0;
    while done < RUNS {
        tokio::select! {
            order = orders.next() => if let Some(Order::Offer { run, .. }) = order {
                let worker = worker.clone();
                jobs.push(async move {
                    let mut job = worker.claim(run).await;
                    job.fail("a do-nothing executor").await;
                });
            },
            Some(()) = jobs.next() => done += 1,
        }
    }
    let took = began.elapsed();
    println!(
        "dispatch: {RUNS} runs in {took:?}, {:.0}/s",
        RUNS as f64 / took.as_secs_f64()
    );
    assert!(took < STUCK, "{took:?}");
}
