//! What starts before its turn, and what does not.

mod support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use circle_cell::{Cell, Relay, gate};
use circle_core::plan::{Ready, Work};
use circle_core::run::{FailureKind, WorkerEvent};
use circle_worker::{Around, End};
use support::looks::{HOLD, PATIENCE, beside, beside_in, docker, running};
use support::{Bench, MemorySink, container, integration, job, post_build, pre_build, sidecar};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

#[tokio::test]
async fn containers_of_later_stages_wait_behind_their_gates_while_a_stage_runs() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    let stages = vec![
        integration(vec![], job(&[HOLD, "echo first >/tmp/x"])),
        pre_build(
            job(&["cat README; echo built >out"]),
            vec![support::output("/workspace/out", "out")],
        ),
        post_build(job(&["cat out; [ ! -e go ]", "test ! -e /tmp/x"])),
    ];
    let (end, sink) = beside(&bench, stages, |cell| async move {
        let first = running(&cell, "integration").await;
        for later in ["pre_build", "post_build"] {
            let id = running(&cell, later).await;
            // Nothing but the gate: neither checkout nor commands have come.
            let top = docker(&cell, &["exec", &id, "ls", "/workspace"]).await;
            assert_eq!(top, "", "{later} sees a checkout before its turn");
        }
        docker(&cell, &["exec", &first, "touch", "/workspace/go"]).await;
    })
    .await;
    assert_eq!(end, End::Succeeded, "{}", sink.all());
    let all = sink.all();
    assert!(all.contains("hello") && all.contains("built"), "{all}");
}

/// A door to a server that answers nobody before it is opened.
struct HeldDoor {
    relay: Relay,
    /// Somebody has come.
    asked: Arc<Notify>,
    open: CancellationToken,
    _connections: JoinSet<()>,
}

async fn held_door(server: SocketAddr) -> HeldDoor {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let outside = listener.local_addr().expect("an address");
    let (asked, open) = (Arc::new(Notify::new()), CancellationToken::new());
    let (told, opened, mut ways) = (asked.clone(), open.clone(), JoinSet::new());
    ways.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((mut client, _)) = listener.accept().await {
            told.notify_one();
            let opened = opened.clone();
            connections.spawn(async move {
                opened.cancelled().await;
                let mut server = TcpStream::connect(server).await?;
                tokio::io::copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    HeldDoor {
        relay: Relay {
            inside: server,
            outside,
        },
        asked,
        open,
        _connections: ways,
    }
}

/// Waits until so many containers of a stage run, one of them a gate.
async fn until_at_the_gate(cell: &Cell, stage: &str, count: usize) {
    let filter = format!("label=circle.stage={stage}");
    let words = ["ps", "--no-trunc", "--filter", &filter, "--format", "{{.Command}}"];
    let look = async {
        loop {
            let commands = docker(cell, &words).await;
            if commands.lines().count() == count && commands.contains(gate::ENTRYPOINT) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, look).await;
    waited.unwrap_or_else(|_| panic!("no gate of {stage} runs"));
}

#[tokio::test]
async fn containers_of_every_stage_wait_behind_their_gates_while_the_checkout_still_runs() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    let door = held_door(bench.git.address().parse().expect("an address")).await;
    let cell = bench.cell_with(vec![door.relay]).await;
    let sink = Arc::new(MemorySink::new(bench.folder.path().join("outputs")));
    let side = sidecar("db", "httpd -f -p 80", Ready::Tcp(80));
    let stages = vec![
        integration(vec![side], job(&["cat README"])),
        pre_build(job(&["true"]), vec![]),
        post_build(job(&["cat README"])),
    ];
    let (asked, open, told) = (door.asked.clone(), door.open.clone(), sink.clone());
    let story = |cell: Arc<Cell>| async move {
        asked.notified().await;
        for (stage, count) in [("integration", 2), ("pre_build", 1), ("post_build", 1)] {
            until_at_the_gate(&cell, stage, count).await;
        }
        let is_checked_out = |event: &WorkerEvent| matches!(event, WorkerEvent::CheckedOut { .. });
        assert!(!told.events.lock().expect("events").iter().any(is_checked_out));
        open.cancel();
    };
    let end = beside_in(&bench, (cell, Around::new(sink.clone())), stages, story).await;
    assert_eq!(end, Some(End::Succeeded), "{}", sink.all());
    assert_eq!(sink.all().matches("hello").count(), 2, "{}", sink.all());
}

/// How many containers of a stage the engine has made so far.
async fn made(cell: &Cell, stage: &str) -> usize {
    let (event, stage) = ("event=create", format!("label=circle.stage={stage}"));
    let past = ["events", "--since", "1h", "--until", "0s", "--filter", "type=container"];
    let which = ["--filter", event, "--filter", &stage, "--format", "{{.ID}}"];
    let told = docker(cell, &[&past[..], &which[..]].concat()).await;
    told.lines().count()
}

#[tokio::test]
async fn no_container_of_a_later_stage_is_there_early_when_memory_is_short() {
    /// How often it was looked; no other test does.
    static LOOKS: AtomicUsize = AtomicUsize::new(0);
    fn short() -> bool {
        LOOKS.fetch_add(1, Ordering::Relaxed);
        true
    }
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    let cell = bench.cell().await;
    let sink = Arc::new(MemorySink::new(bench.folder.path().join("outputs")));
    let around = Around {
        is_memory_short: short,
        ..Around::new(sink.clone())
    };
    let stages = vec![
        integration(vec![], job(&[HOLD])),
        pre_build(job(&["true"]), vec![]),
        post_build(job(&["cat README"])),
    ];
    let story = |cell: Arc<Cell>| async move {
        let first = running(&cell, "integration").await;
        // Each of the three stages could have been started by now: from here on nothing of them comes before its turn.
        while LOOKS.load(Ordering::Relaxed) < 3 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(made(&cell, "integration").await, 1, "what is made is seen");
        for later in ["pre_build", "post_build"] {
            assert_eq!(made(&cell, later).await, 0, "{later} was made early");
        }
        docker(&cell, &["exec", &first, "touch", "/workspace/go"]).await;
    };
    let end = beside_in(&bench, (cell, around), stages, story).await;
    assert_eq!(end, Some(End::Succeeded), "{}", sink.all());
}

#[tokio::test]
async fn no_container_of_the_image_that_the_run_builds_is_there_before_the_image() {
    let bench = Bench::new().await;
    let dockerfile = "FROM busybox:test\nRUN echo built > /made\n";
    bench.commit(&[("Dockerfile", dockerfile)]).await;
    let mut in_it = job(&["cat /made"]);
    in_it.container.image = "BUILT_IMAGE".to_owned();
    let stages = vec![
        integration(vec![], job(&[HOLD])),
        support::stage(
            "build",
            Work::Build {
                images: vec![support::build()],
            },
        ),
        pre_build(job(&["true"]), vec![]),
        post_build(in_it),
    ];
    let (end, sink) = beside(&bench, stages, |cell| async move {
        let first = running(&cell, "integration").await;
        // The plan's last but one stands for what is started early.
        running(&cell, "pre_build").await;
        assert_eq!(made(&cell, "post_build").await, 0, "it was made early");
        docker(&cell, &["exec", &first, "touch", "/workspace/go"]).await;
    })
    .await;
    assert_eq!(end, End::Succeeded, "{}", sink.all());
    assert!(sink.log("post_build").contains("built"), "{}", sink.all());
}

#[tokio::test]
async fn a_stage_that_cannot_start_early_starts_in_its_turn() {
    let bench = Bench::new().await;
    bench.commit(&[("data/x", "inside\n")]).await;
    let mut with_volume = job(&["cat /data/x"]);
    with_volume.container.volumes = vec![circle_core::plan::Bind {
        from: "data".to_owned(),
        to: "/data".to_owned(),
        read_only: true,
    }];
    let mut missing = job(&["true"]);
    missing.container = container("there.is/none:1");
    let ran = bench
        .run(vec![integration(vec![], with_volume), post_build(missing)])
        .await;
    assert!(ran.sink.all().contains("inside"), "{}", ran.sink.all());
    assert_eq!(
        ran.failure().kind,
        FailureKind::ImageUnavailable,
        "{}",
        ran.failure().message
    );
}
