//! The worker's side of the protocol, against a server that is played here and can be away, forgetful or firm.

mod player;
mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use circle_api::worker::Order;
use circle_core::run::{CancelCause, WorkerEvent};
use circle_worker::{Executor, WorkerConfig, work_with};
use player::Player;
use server::{Mood, PlayedServer};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A worker at work.
struct Bench {
    server: PlayedServer,
    worker: JoinSet<()>,
    shutdown: CancellationToken,
    _folder: TempDir,
}

impl Bench {
    async fn start(executor: Arc<dyn Executor>) -> Self {
        let server = PlayedServer::start().await;
        let folder = tempfile::tempdir().expect("a folder");
        let enrolment = folder.path().join("enrolment");
        std::fs::write(&enrolment, "circle_enrol_0once\n").expect("a token");
        let mut config = WorkerConfig::new(server.url(), folder.path().join("worker"));
        config.enrolment = Some(enrolment);
        let shutdown = CancellationToken::new();
        let mut worker = JoinSet::new();
        let token = shutdown.clone();
        worker.spawn(async move { work_with(config, executor, token).await.expect("the worker works") });
        let bench = Self {
            server,
            worker,
            shutdown,
            _folder: folder,
        };
        bench
            .until("the worker is connected", |server| server.is_connected())
            .await;
        bench
    }

    async fn until(&self, what: &str, is_so: impl Fn(&PlayedServer) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so(&self.server) {
            assert!(
                Instant::now() < deadline,
                "waited in vain: {what}; events: {:?}",
                self.server.events()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn ended(&self) {
        self.until("the run has ended", |server| {
            server.events().last().is_some_and(is_last)
        })
        .await;
    }
}

fn is_last(event: &WorkerEvent) -> bool {
    matches!(
        event,
        WorkerEvent::PartSucceeded | WorkerEvent::PartFailed { .. } | WorkerEvent::PartCancelled
    )
}

#[tokio::test]
async fn a_run_is_claimed_executed_and_told() {
    let bench = Bench::start(Arc::new(Player::says(3_000))).await;
    bench.server.offer(1);
    bench.ended().await;
    let events = bench.server.events();
    assert!(
        matches!(
            events[..],
            [WorkerEvent::StageStarted { .. }, WorkerEvent::PartSucceeded]
        ),
        "{events:?}"
    );
    assert_eq!(bench.server.log(), Player::text(3_000));
}

#[tokio::test]
async fn a_line_is_told_soon_and_many_are_told_together() {
    let bench = Bench::start(Arc::new(Player::says_and_waits(1))).await;
    let began = Instant::now();
    bench.server.offer(1);
    bench
        .until("the line has come", |server| !server.log().is_empty())
        .await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let many = Bench::start(Arc::new(Player::says(100_000))).await;
    many.server.offer(1);
    many.ended().await;
    assert!(
        many.server.log_requests() < 200,
        "{} requests for 100,000 lines",
        many.server.log_requests()
    );
}

#[tokio::test]
async fn a_cancelled_run_is_stopped_and_said_so() {
    let bench = Bench::start(Arc::new(Player::says_and_waits(1))).await;
    bench.server.offer(1);
    bench
        .until("the line has come", |server| !server.log().is_empty())
        .await;
    bench.server.order(&Order::Cancel {
        run: PlayedServer::run(1),
        fence: 1,
        cause: CancelCause::Requested,
    });
    bench.ended().await;
    assert_eq!(bench.server.events().last(), Some(&WorkerEvent::PartCancelled));
}

#[tokio::test]
async fn a_cancel_that_the_stream_lost_comes_with_the_heartbeat() {
    let bench = Bench::start(Arc::new(Player::says_and_waits(1))).await;
    bench.server.offer(1);
    bench
        .until("the line has come", |server| !server.log().is_empty())
        .await;
    bench.server.set(Mood::Cancelling);
    bench.ended().await;
    assert_eq!(bench.server.events().last(), Some(&WorkerEvent::PartCancelled));
}

#[tokio::test]
async fn a_lost_lease_stops_the_run_and_nothing_more_is_said() {
    let player = Arc::new(Player::says_and_waits(1));
    let bench = Bench::start(player.clone()).await;
    bench.server.offer(1);
    bench
        .until("the line has come", |server| !server.log().is_empty())
        .await;
    let told = bench.server.events().len();
    bench.server.set(Mood::Firm);
    bench.until("the execution is stopped", |_| player.stopped() == 1).await;
    bench.server.set(Mood::Good);
    bench.server.offer(2);
    bench
        .until("the next run is told", |server| server.events().len() > told)
        .await;
    assert!(
        !bench.server.events().iter().any(is_last),
        "nothing of the lost run: {:?}",
        bench.server.events()
    );
}

/// What is told to whoever executes, when a run succeeds while the server is in this mood.
async fn told_in(mood: Mood) -> bool {
    let player = Arc::new(Player::says_slowly(100));
    let bench = Bench::start(player.clone()).await;
    bench.server.offer(1);
    bench
        .until("the first lines have come", |server| !server.log().is_empty())
        .await;
    bench.server.set(mood);
    bench.until("its end is told", |_| !player.told().is_empty()).await;
    player.told()[0]
}

#[tokio::test]
async fn sec_60_a_success_counts_only_when_the_server_has_accepted_it() {
    assert!(told_in(Mood::Good).await, "an acknowledged success");
    assert!(!told_in(Mood::Firm).await, "the lease was lost on the way");
    assert!(!told_in(Mood::Late).await, "the lease was lost before the end was told");
    assert!(!told_in(Mood::Cancelling).await, "it was cancelled meanwhile");
}

#[tokio::test]
async fn a_server_that_was_away_hears_everything_once_and_in_order() {
    let bench = Bench::start(Arc::new(Player::says_slowly(300))).await;
    bench.server.offer(1);
    bench
        .until("the first lines have come", |server| !server.log().is_empty())
        .await;
    bench.server.set(Mood::Forgetful);
    tokio::time::sleep(Duration::from_millis(300)).await;
    bench.server.set(Mood::Away);
    bench.server.hang_up();
    tokio::time::sleep(Duration::from_millis(700)).await;
    bench.server.set(Mood::Good);
    bench.ended().await;
    assert_eq!(bench.server.log(), Player::text(300));
    assert_eq!(bench.server.events().iter().filter(|event| is_last(event)).count(), 1);
    bench
        .until("the worker is connected again", |server| server.is_connected())
        .await;
}

#[tokio::test]
async fn a_worker_that_ends_gives_its_run_back() {
    let mut bench = Bench::start(Arc::new(Player::says_and_waits(1))).await;
    bench.server.offer(1);
    bench
        .until("the line has come", |server| !server.log().is_empty())
        .await;
    bench.shutdown.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(10), bench.worker.join_next()).await;
    ended
        .expect("it ends")
        .expect("there is a worker")
        .expect("it ends well");
    assert_eq!(bench.server.events().last(), Some(&WorkerEvent::PartCancelled));
}

#[tokio::test]
async fn a_draining_worker_finishes_and_ends() {
    let mut bench = Bench::start(Arc::new(Player::says_slowly(20))).await;
    bench.server.offer(1);
    bench
        .until("the first lines have come", |server| !server.log().is_empty())
        .await;
    bench.server.order(&Order::Drain);
    let ended = tokio::time::timeout(Duration::from_secs(10), bench.worker.join_next()).await;
    ended
        .expect("it ends")
        .expect("there is a worker")
        .expect("it ends well");
    assert_eq!(bench.server.events().last(), Some(&WorkerEvent::PartSucceeded));
}

#[tokio::test]
async fn offers_are_taken_one_after_the_other_as_places_come_free() {
    let player = Arc::new(Player::says(1));
    let bench = Bench::start(player.clone()).await;
    let began = Instant::now();
    for number in 1..=500 {
        bench.server.offer(number);
    }
    bench
        .until("all are told", |server| {
            server.events().iter().filter(|event| is_last(event)).count() == 500
        })
        .await;
    println!("500 runs in {:?}", began.elapsed());
    assert!(
        player.most_at_once() <= 2,
        "{} at once with two places",
        player.most_at_once()
    );
}
