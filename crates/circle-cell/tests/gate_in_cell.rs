//! The gate where it belongs: the entrypoint of a container in a cell, for any user of the container.

#[path = "support/shells.rs"]
#[expect(dead_code, reason = "only the story is told here")]
mod shells;
mod support;

use std::time::Duration;

use circle_cell::gate::{
    CHANNEL_FOLDER, ENTRYPOINT, GateChannel, GateEvent, Orders, PROGRAM_FOLDER, Shell, Work, install,
};
use circle_cell::{Cell, Exit};
use shells::{end, said, story};
use support::{Bench, docker, docker_ok};

const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "s3cr3t-value";

/// Starts a container behind a gate; the second value is its id.
async fn container(cell: &Cell, name: &str, options: &[&str]) -> (GateChannel, String) {
    let program = cell.new_folder(&format!("gate-{name}")).await.expect("a folder");
    install(program.host()).expect("the gate's program");
    let io = cell.new_folder(&format!("io-{name}")).await.expect("a folder");
    let channel = GateChannel::create(io.host()).expect("the pipes");
    let program = format!("{}:{PROGRAM_FOLDER}:ro", program.inside().display());
    let io = format!("{}:{CHANNEL_FOLDER}", io.inside().display());
    let mut words = vec!["run", "-d", "--entrypoint", ENTRYPOINT, "-v", &program, "-v", &io];
    words.extend(options);
    words.push("busybox:test");
    let id = docker_ok(cell, &words).await;
    (channel, id)
}

fn orders(commands: &[&str]) -> Orders {
    Orders {
        directory: "/tmp".to_owned(),
        workspace: "/workspace".to_owned(),
        environment: vec![("SECRET".to_owned(), SECRET.to_owned())],
        files: Vec::new(),
        work: Work::Commands {
            shell: Shell::Sh,
            commands: commands.iter().map(|it| (*it).to_owned()).collect(),
        },
        finally: Vec::new(),
    }
}

async fn all(channel: &mut GateChannel) -> Vec<GateEvent> {
    let mut events = Vec::new();
    while let Some(event) = tokio::time::timeout(PATIENCE, channel.next())
        .await
        .expect("the gate goes on")
    {
        events.push(event.expect("no error"));
    }
    events
}

#[tokio::test]
async fn any_user_of_a_container_gets_through_the_gate_and_none_gets_at_it() {
    let bench = Bench::new();
    let cell = bench.start().await;
    for (name, options) in [
        ("root", &[][..]),
        ("user", &["--user", "1000:1000"]),
        ("nameless", &["--user", "4321"]),
    ] {
        let (mut channel, id) = container(&cell, name, options).await;
        let shown = docker_ok(&cell, &["inspect", &id]).await;
        let attack = "for fd in 0 1 2 3 4 5 6 7 8 9; do (printf x >/proc/1/fd/$fd) 2>/dev/null && echo opened $fd; done
            cat /proc/1/environ /proc/1/mem 2>/dev/null || true; ls /.circle/io
            for fd in 3 4 5 6 7 8 9; do (printf '\\005\\005\\000' >&$fd) 2>/dev/null && echo wrote $fd; done; true";
        channel
            .open(&orders(&["echo \"$SECRET\"", attack, "exit 3"]))
            .await
            .expect("the orders are sent");
        let events = all(&mut channel).await;
        assert_eq!(
            story(&events),
            format!("begin 0 | {SECRET}\n | end 0 = 0 | begin 1 | end 1 = 0 | begin 2 | end 2 = 3 | code 3 | closed"),
            "{name}"
        );
        let engine = docker_ok(&cell, &["wait", &id]).await;
        assert_eq!(engine, "3", "{name}: the engine's verdict and the gate's agree");
        assert!(
            !shown.contains(SECRET),
            "{name}: the secret stands in the container's configuration"
        );
    }
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn containers_wait_behind_their_gates_until_they_are_opened() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let (mut first, _) = container(&cell, "first", &[]).await;
    let (mut second, id) = container(&cell, "second", &[]).await;
    assert!(matches!(first.next().await, Some(Ok(GateEvent::Waiting))));
    assert!(matches!(second.next().await, Some(Ok(GateEvent::Waiting))));
    assert_eq!(
        docker_ok(&cell, &["inspect", "-f", "{{.State.Running}}", &id]).await,
        "true"
    );
    let opened = std::time::Instant::now();
    second
        .open(&orders(&["echo second"]))
        .await
        .expect("the orders are sent");
    let events: Vec<GateEvent> = [GateEvent::Waiting].into_iter().chain(all(&mut second).await).collect();
    eprintln!("from opening the gate to its last word: {:?}", opened.elapsed());
    assert_eq!(
        (said(&events).as_str(), end(&events)),
        ("second\n", Some(Exit::Code(0)))
    );
    first
        .open(&orders(&["setsid sleep 600 & echo first"]))
        .await
        .expect("the orders are sent");
    let events: Vec<GateEvent> = [GateEvent::Waiting].into_iter().chain(all(&mut first).await).collect();
    assert_eq!(said(&events), "first\n");
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn a_killed_container_cuts_the_channel() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let (mut channel, id) = container(&cell, "killed", &[]).await;
    channel
        .open(&orders(&["echo alive; sleep 600"]))
        .await
        .expect("the orders are sent");
    while !matches!(
        channel.next().await.expect("an event").expect("no error"),
        GateEvent::Output { .. }
    ) {}
    assert!(docker(&cell, &["kill", &id]).await.status.success());
    let cut = tokio::time::timeout(PATIENCE, channel.next())
        .await
        .expect("the channel ends");
    assert!(matches!(cut, Some(Err(circle_cell::gate::GateError::Cut))), "{cut:?}");
    cell.kill().await.expect("nothing is left");
}
