//! The private networks of a workspace: open to the cell of its run and to no other, and said where they cannot be.

mod support;
#[expect(dead_code, reason = "the world serves more than these tests ask for")]
#[path = "../../circle-cell/tests/support/world.rs"]
mod world;

use std::sync::Arc;
use std::time::Duration;

use circle_api::worker::Assignment;
use circle_worker::{Executor, PartEnd, ProviderChoice, WorkerConfig, cells};
use support::containers::Host;
use support::{Bench, MemorySink, assignment, busybox, checkout, example, integration, job};
use tokio_util::sync::CancellationToken;
use world::{WORLD_PORT, World, part, serve};

const PATIENCE: Duration = Duration::from_secs(60);
/// A private network that the world has, and who answers there.
const NETWORK: &str = "10.1.2.0/24";
const NEIGHBOUR: &str = "10.1.2.3";
/// Another one, that nobody opens.
const OTHER: &str = "192.168.7.7";

fn config(bench: &Bench) -> WorkerConfig {
    WorkerConfig {
        max_cells: Some(2),
        warm_cells: Some(0),
        images: vec![busybox()],
        cell_init: Some(vec![example("cell-init")]),
        relays: vec![bench.git.address()],
        ..WorkerConfig::new("http://127.0.0.1:1", bench.folder.path().join("worker"))
    }
}

/// A run of a job whose workspace opens these networks.
fn wanted(bench: &Bench, networks: &[&str], commands: &[&str]) -> Assignment {
    let stages = vec![checkout(), integration(vec![], job(commands))];
    let mut wanted = assignment(bench.repository.url(), stages);
    wanted.networks = networks.iter().map(|range| range.parse().expect("a range")).collect();
    wanted
}

async fn execute(
    executor: &Arc<dyn Executor>,
    wanted: Assignment,
    (sink, stop): (&Arc<MemorySink>, &CancellationToken),
) -> PartEnd {
    executor.execute(Arc::new(wanted), sink.clone(), stop.clone()).await
}

async fn until_said(sink: &MemorySink, text: &str) {
    let said = async {
        while !sink.log("integration").contains(text) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let said = tokio::time::timeout(PATIENCE, said).await;
    said.unwrap_or_else(|_| panic!("{text} is not said: {}", sink.all()));
}

#[tokio::test]
async fn sec_27_networks_of_a_workspace_are_open_to_the_cell_of_its_run_and_to_no_other() {
    play("sec_27_networks_of_a_workspace_are_open_to_the_cell_of_its_run_and_to_no_other").await;
}

/// This program plays both the world and the host in it, in processes of their own.
#[expect(
    clippy::print_stdout,
    reason = "the part of the host tells its end to the test that started it"
)]
async fn play(name: &'static str) {
    match part().as_deref() {
        Some("world") => serve("world", WORLD_PORT),
        Some(_) => {
            on_the_host().await;
            println!("everything holds");
        }
        None => {
            let world = World::new(name);
            let mut host = tokio::process::Command::from(world.as_host(name, "host"));
            let output = host.kill_on_drop(true).output().await.expect("nsenter");
            let told = [output.stdout, output.stderr].concat();
            let told = String::from_utf8_lossy(&told);
            assert!(output.status.success() && told.contains("everything holds"), "{told}");
        }
    }
}

async fn on_the_host() {
    let bench = Bench::new().await;
    bench.commit(&[("README", "hello\n")]).await;
    let executor = cells(config(&bench)).await.expect("cells");
    let sinks = [1, 2].map(|number| Arc::new(MemorySink::new(bench.folder.path().join(format!("outputs-{number}")))));
    let [opened, closed] = &sinks;
    let ask = |address: &str| format!("echo {address} told $(nc -w 2 {address} {WORLD_PORT} </dev/null 2>/dev/null).");
    let [neighbour, other] = [ask(NEIGHBOUR), ask(OTHER)];

    // The first run is there until the second has ended beside it.
    let stop = CancellationToken::new();
    let first = wanted(&bench, &[NETWORK], &[&neighbour, &other, "sleep 600"]);
    let first = execute(&executor, first, (opened, &stop));
    let story = async {
        until_said(opened, &format!("{OTHER} told")).await;
        let second = wanted(&bench, &[], &[&neighbour, &other]);
        let end = execute(&executor, second, (closed, &CancellationToken::new())).await;
        assert_eq!(end, PartEnd::Succeeded, "{}", closed.all());
        stop.cancel();
    };
    let (end, ()) = tokio::join!(first, story);
    assert_eq!(end, PartEnd::Stopped, "{}", opened.all());
    for (sink, wanted) in [(opened, "world"), (closed, "")] {
        let log = sink.log("integration");
        assert!(log.contains(&format!("{NEIGHBOUR} told {wanted}.")), "{log}");
        assert!(log.contains(&format!("{OTHER} told .")), "{log}");
        assert!(!sink.log("checkout").contains(NETWORK), "{}", sink.all());
    }
    executor.shutdown().await;
}

#[tokio::test]
async fn a_run_says_when_its_worker_has_nothing_to_open_networks_in() {
    let (host, bench) = tokio::join!(Host::start(), Bench::new());
    bench.commit(&[("README", "hello\n")]).await;
    let config = WorkerConfig {
        provider: ProviderChoice::Container,
        engine: Some(host.engine.socket()),
        ..config(&bench)
    };
    let executor = cells(config).await.expect("cells");
    for (networks, is_said) in [(&[NETWORK][..], true), (&[], false)] {
        let sink = Arc::new(MemorySink::new(bench.folder.path().join("outputs")));
        let run = wanted(&bench, networks, &["true"]);
        let end = execute(&executor, run, (&sink, &CancellationToken::new())).await;
        assert_eq!(end, PartEnd::Succeeded, "{}", sink.all());
        let sentence =
            format!("circle: the workspace opens {NETWORK} to its runs, which changes nothing on this worker");
        assert_eq!(sink.log("checkout").starts_with(&sentence), is_said, "{}", sink.all());
        assert_eq!(
            sink.all().matches("the workspace opens").count(),
            usize::from(is_said),
            "{}",
            sink.all()
        );
    }
    executor.shutdown().await;
}
