//! The gate: pipes in a folder of the cell, a program in another.

use crate::gate::{CHANNEL_FOLDER, ENTRYPOINT, GateChannel, GateEvent, Orders, PROGRAM_FOLDER, Shell, Work, install};
use crate::{Cell, Exit};

use super::Ground;
use super::container::{Container, ended};

pub(super) async fn commands_behind_the_gate(ground: &Ground) {
    let cell = ground.start().await;
    let program = cell.new_folder("gate").await.expect("a folder");
    install(program.host()).expect("the gate's program");
    let io = cell.new_folder("io").await.expect("a folder");
    let mut channel = GateChannel::create(io.host()).expect("the pipes");
    let container = Container::script(&cell, "")
        .entrypoint(ENTRYPOINT)
        .with_folder(&program, PROGRAM_FOLDER)
        .with_folder(&io, CHANNEL_FOLDER);
    let id = container.start().await;
    assert!(matches!(channel.next().await, Some(Ok(GateEvent::Waiting))));
    channel.open(&orders()).await.expect("the orders are sent");
    let (output, exit) = told(&mut channel).await;
    assert_eq!((output.as_str(), exit), ("s3cr3t\n", Some(Exit::Code(4))));
    assert_eq!(
        ended(&cell, &id).await.expect("its end"),
        4,
        "the engine's verdict and the gate's agree"
    );
    let shown = shown(&cell, &id).await;
    assert!(
        !shown.contains("s3cr3t"),
        "a secret stands in the container's configuration"
    );
    cell.kill().await.expect("everything is removed");
}

fn orders() -> Orders {
    Orders {
        directory: "/tmp".to_owned(),
        workspace: "/workspace".to_owned(),
        environment: vec![("SECRET".to_owned(), "s3cr3t".to_owned())],
        files: Vec::new(),
        work: Work::Commands {
            shell: Shell::Sh,
            commands: vec!["echo \"$SECRET\"".to_owned(), "exit 4".to_owned()],
        },
        finally: Vec::new(),
    }
}

/// Everything that was printed, and the verdict.
async fn told(channel: &mut GateChannel) -> (String, Option<Exit>) {
    let (mut output, mut exit) = (Vec::new(), None);
    while let Some(event) = channel.next().await {
        match event.expect("no error") {
            GateEvent::Output { bytes, .. } => output.extend_from_slice(&bytes),
            GateEvent::Finished { exit: verdict } => exit = Some(verdict),
            _ => {}
        }
    }
    (String::from_utf8_lossy(&output).into_owned(), exit)
}

async fn shown(cell: &Cell, id: &str) -> String {
    super::container::known(cell, &format!("/containers/{id}/json")).await
}
