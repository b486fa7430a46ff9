//! What happens to runs, for whoever watches a list of them.

use std::time::Duration;

use circle_api::client::{Events, RunNews};
use circle_api::resources::{CancelRequest, RunState, RunSummary};
use circle_api::routes::DEFAULT_WORKSPACE;
use tokio::time::timeout;

use crate::support::{Circle, PIPELINE, Played, Repo, slug};

/// Longer than any event of these tests takes on a busy machine.
const SOON: Duration = Duration::from_secs(30);

pub(crate) async fn news(events: &mut Events) -> RunNews {
    let told = timeout(SOON, events.next()).await.expect("nothing was told for 30 s");
    told.expect("an event")
}

async fn run_told(events: &mut Events) -> RunSummary {
    match news(events).await {
        RunNews::Run(run) => *run,
        RunNews::Reset => panic!("the list is to be read anew"),
    }
}

/// Reads until a run is in a state.
async fn until_state(events: &mut Events, number: u64, state: RunState) -> Vec<RunSummary> {
    let mut told = Vec::new();
    loop {
        let run = run_told(events).await;
        let is_it = run.number == number && run.state == state;
        told.push(run);
        if is_it {
            return told;
        }
    }
}

async fn cancel(circle: &Circle, run: circle_core::ids::RunId) {
    let cancelled = circle.api.cancel(run, &CancelRequest::default()).await;
    cancelled.expect("cancelled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_of_a_list_sees_every_run_from_its_creation_to_its_end() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let worker = Played::enrol(&circle, "w", 1).await;
    let mut events = circle.api.events(DEFAULT_WORKSPACE, None);
    assert_eq!(news(&mut events).await, RunNews::Reset, "first the list is read");
    let run = circle.trigger("shop").await;
    let first = run_told(&mut events).await;
    assert_eq!((first.id, first.number, first.state), (run, 1, RunState::Queued));
    let mut job = worker.claim(run).await;
    until_state(&mut events, 1, RunState::Running).await;
    job.fail("enough").await;
    let told = until_state(&mut events, 1, RunState::Failed).await;
    let last = told.last().expect("the end");
    assert!(
        last.message.as_deref().is_some_and(|text| text.contains("enough")),
        "{last:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_that_comes_back_gets_what_it_missed_and_after_a_restart_reads_anew() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    let mut events = circle.api.events(DEFAULT_WORKSPACE, None);
    assert_eq!(news(&mut events).await, RunNews::Reset);
    let first = circle.trigger("shop").await;
    until_state(&mut events, 1, RunState::Queued).await;
    events.disconnect();
    cancel(&circle, first).await;
    circle.trigger("shop").await;
    let missed = until_state(&mut events, 2, RunState::Queued).await;
    let ended = missed
        .iter()
        .filter(|run| run.number == 1 && run.state == RunState::Cancelled);
    assert_eq!(ended.count(), 1, "{missed:?}");
    let circle = circle.restart().await;
    events.moved_to(&circle.api);
    assert_eq!(
        news(&mut events).await,
        RunNews::Reset,
        "the new start knows nothing of before"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_of_one_service_hears_of_no_other() {
    let (circle, repo) = (Circle::start().await, Repo::with(PIPELINE).await);
    circle.service("shop", repo.url()).await;
    circle.service("other", repo.url()).await;
    let mut events = circle.api.events(DEFAULT_WORKSPACE, Some(slug("shop")));
    assert_eq!(news(&mut events).await, RunNews::Reset);
    circle.trigger("other").await;
    circle.trigger("shop").await;
    let told = until_state(&mut events, 1, RunState::Queued).await;
    assert!(told.iter().all(|run| run.service_name == slug("shop")), "{told:?}");
    let unknown = circle.api.events(DEFAULT_WORKSPACE, Some(slug("nothing"))).next().await;
    assert!(unknown.expect_err("no such service").is_not_found());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_is_what_browsers_read() {
    let circle = Circle::start().await;
    let mut response = circle.get("/api/v1/workspaces/default/events").await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-cache");
    let first = timeout(SOON, response.chunk())
        .await
        .expect("in time")
        .expect("bytes")
        .expect("some");
    let text = String::from_utf8(first.to_vec()).expect("text");
    let (head, id) = text.split_once("id: ").expect("an id");
    assert_eq!(head, "event: reset\n");
    assert!(id.ends_with("-0\ndata: {}\n\n"), "{text}");
}
