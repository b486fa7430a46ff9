//! Processes beside the containers.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{Exit, InCell, Sight};

use super::Ground;

pub(super) async fn given_and_given_back(ground: &Ground) {
    let cell = ground.start().await;
    let folder = cell.new_folder("work").await.expect("a folder");
    let script = "read line; echo \"$line $A ${HOME-nothing}\"; pwd; echo seen > file; echo complaint >&2; exit 3";
    let mut command = InCell::new(Some(cell.remapped_root()), ["/bin/sh", "-c", script]);
    command.environment = vec![("A".into(), "given".into())];
    command.directory = folder.inside().to_path_buf();
    command.sight = Sight::Only(vec![folder.inside().to_path_buf()]);
    let mut child = cell.exec(command).await.expect("a process starts");
    let mut stdin = child.stdin.take().expect("an input");
    stdin.write_all(b"typed\n").await.expect("the input is read");
    drop(stdin);
    let (mut said, mut complained) = (String::new(), String::new());
    let mut stdout = child.stdout.take().expect("an output");
    let mut stderr = child.stderr.take().expect("errors");
    let (out, err) = tokio::join!(stdout.read_to_string(&mut said), stderr.read_to_string(&mut complained));
    out.and(err).expect("text");
    assert_eq!(child.wait().await.expect("an end"), Exit::Code(3));
    let expected = format!("typed given nothing\n{}\n", folder.inside().display());
    assert_eq!((said, complained.as_str()), (expected, "complaint\n"));
    let written = std::fs::read_to_string(folder.host().join("file")).expect("the host sees it");
    assert_eq!(written, "seen\n");

    // A program that is not there is told at once or by its end.
    match cell.exec(InCell::new(None, ["/no/such/program"])).await {
        Err(error) => assert!(error.to_string().contains("start a process"), "{error}"),
        Ok(mut missing) => assert_eq!(missing.wait().await.expect("an end"), Exit::Code(127)),
    }
    cell.kill().await.expect("everything is removed");
}

pub(super) async fn killed_with_children(ground: &Ground) {
    let cell = ground.start().await;
    let mut sleeper = cell
        .exec(InCell::new(None, ["/bin/sh", "-c", "/bin/sleep 600 & wait"]))
        .await
        .expect("a process starts");
    let mut stdout = sleeper.stdout.take().expect("an output");
    sleeper.kill().await.expect("the signal is sent");
    assert_eq!(sleeper.wait().await.expect("an end"), Exit::Signal(9));
    // The pipe ends when the last process that holds it is dead: the child too.
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).await.expect("the output ends");
    sleeper.kill().await.expect("a second kill is none");

    let mut orphan = cell
        .exec(InCell::new(None, ["/bin/sleep", "600"]))
        .await
        .expect("a process starts");
    cell.kill().await.expect("everything is removed");
    let ended = orphan.wait().await;
    assert!(
        matches!(ended, Err(_) | Ok(Exit::Signal(9))),
        "a process outlived its cell: {ended:?}"
    );
}
