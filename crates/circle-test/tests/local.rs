//! `circle run`: a pipeline on a developer's machine, by a user who is not root, without a server.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use circle_test::{Laptop, says, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

const LIMIT: Duration = Duration::from_secs(60);

const PIPELINE: &str = "
version: 1
integration:
  image: circle/busybox:1
  services:
    web:
      image: circle/busybox:1
      command: [sh, -c, 'mkdir /www && echo served > /www/index.html && httpd -f -p 8080 -h /www']
      ready: {tcp: 8080}
  commands:
    - wget -q -O- http://web:8080/
    - cat word && rm word
pre_build:
  image: circle/busybox:1
  environment: {GREETING: of the file}
  commands:
    - mkdir -p bin && cat word > bin/shop && echo \"$GREETING\" >> bin/shop
  outputs: [bin]
build: {}
post_build:
  image: BUILT_IMAGE
  commands: [cat /built]
deploy: [{environment: production}]
";

const DOCKERFILE: &str = "FROM circle/busybox:1\nCOPY bin/shop /shop\nRUN cat /shop > /built\n";

#[tokio::test]
async fn a_working_tree_goes_through_its_pipeline_and_nothing_stays() -> Result<()> {
    let laptop = Laptop::start().await?;
    for (name, text) in [
        ("caicloud.yml", PIPELINE),
        ("Dockerfile", DOCKERFILE),
        ("word", "not committed\n"),
    ] {
        laptop.write(name, text)?;
    }
    let ran = laptop.ran(&["--set", "GREETING=set here"])?;
    assert_eq!(ran.code, 0, "{}", ran.said);
    for expected in [
        "kept apart by labels",
        "nothing is pushed",
        "`production` is left out",
        "served",
        "$ wget -q",
        "set here",
        "✓ post_build",
    ] {
        assert!(ran.said.contains(expected), "\"{expected}\" is not said:\n{}", ran.said);
    }
    // The later stage saw the word again: a stage writes to a view of its own.
    assert_eq!(ran.said.matches("not committed").count(), 2, "{}", ran.said);
    assert!(
        laptop.tree().join("word").exists(),
        "the working tree itself was touched"
    );
    assert_eq!(laptop.remains().await, Vec::<String>::new(), "{}", ran.said);

    let one = laptop.ran(&["--stage", "pre_build"])?;
    assert_eq!(one.code, 0, "{}", one.said);
    assert!(
        !one.said.contains("▸ integration") && one.said.contains("✓ pre_build"),
        "{}",
        one.said
    );
    Ok(())
}

#[tokio::test]
async fn a_failure_is_the_exit_code_and_a_secret_stays_unseen() -> Result<()> {
    let laptop = Laptop::start().await?;
    let pipeline = "version: 1\nintegration:\n  image: circle/busybox:1\n  secrets: [TOKEN]\n  commands:\n    - echo \"it is $TOKEN\"\n    - test \"${#TOKEN}\" = 21 && exit 7\n";
    laptop.write("caicloud.yml", pipeline)?;
    let missing = laptop.ran(&[])?;
    assert_eq!(missing.code, 2, "{}", missing.said);
    assert!(
        missing.said.contains("TOKEN") && missing.said.contains("--secrets"),
        "{}",
        missing.said
    );

    laptop.write("secrets.local", "TOKEN=correct-horse-battery\n")?;
    let ran = laptop.ran(&["--secrets", "secrets.local"])?;
    assert_eq!(ran.code, 1, "{}", ran.said);
    assert!(ran.said.contains("exited with code 7"), "{}", ran.said);
    assert!(!ran.said.contains("correct-horse-battery"), "{}", ran.said);
    assert_eq!(laptop.remains().await, Vec::<String>::new());

    laptop.write(
        "caicloud.yml",
        "version: 1\nintegration: {image: busybox, comands: [x]}\n",
    )?;
    let broken = laptop.ran(&[])?;
    assert_eq!(broken.code, 1, "{}", broken.said);
    assert!(
        broken.said.contains("comands") && broken.said.contains("commands"),
        "{}",
        broken.said
    );
    let nothing = laptop.ran(&["--stage", "deploy"])?;
    assert_ne!(nothing.code, 0, "{}", nothing.said);
    Ok(())
}

const SHOWS: &str = "version: 1\nintegration: {image: 'circle/busybox:1', commands: ['cat word', ls]}\n";

#[tokio::test]
async fn a_file_elsewhere_is_run_on_the_tree_that_it_lies_in() -> Result<()> {
    let laptop = Laptop::start().await?;
    laptop.write("word", "of the folder where I stand\n")?;
    laptop.git_tree("other")?;
    for (path, text) in [
        ("../other/word", "of the other tree\n"),
        ("../other/deep/ci.yml", SHOWS),
        ("../plain/word", "of the plain folder\n"),
        ("../plain/ci.yml", SHOWS),
        ("../plain/deep/beside", "taken along\n"),
    ] {
        laptop.write(path, text)?;
    }
    let root = laptop.tree().parent().context("a folder")?.display().to_string();

    // The file may lie deep: its work tree is taken whole.
    let ran = laptop.ran(&["../other/deep/ci.yml"])?;
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(ran.said.contains(&format!("{root}/other: ")), "{}", ran.said);
    assert!(ran.said.contains("of the other tree"), "{}", ran.said);

    // Without git it is the file's folder and all beneath it.
    let ran = laptop.ran(&["../plain/ci.yml"])?;
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(ran.said.contains(&format!("{root}/plain: ")), "{}", ran.said);
    assert!(ran.said.contains("of the plain folder"), "{}", ran.said);
    assert!(
        ran.said.contains("deep\n") && !ran.said.contains("where I stand"),
        "{}",
        ran.said
    );

    // A link lies where it lies, wherever it leads.
    std::os::unix::fs::symlink("../other/deep/ci.yml", laptop.tree().join("ci.yml"))?;
    let ran = laptop.ran(&["ci.yml"])?;
    assert_eq!(ran.code, 0, "{}", ran.said);
    assert!(ran.said.contains("of the folder where I stand"), "{}", ran.said);

    let missing = laptop.ran(&["../nowhere/ci.yml"])?;
    assert_eq!(missing.code, 2, "{}", missing.said);
    assert!(missing.said.contains("../nowhere/ci.yml"), "{}", missing.said);
    Ok(())
}

/// Root in a container leaves files in folders of the developer, who may not remove them.
const RESTLESS: &str = "version: 1\nintegration:\n  image: circle/busybox:1\n  services:\n    beside: {image: circle/busybox:1, command: [sleep, '600']}\n  commands:\n    - mkdir -p /workspace/deep/er && touch /workspace/deep/er/file && chmod 700 /workspace/deep\n    - echo at work; sleep 600\n";

#[tokio::test]
async fn ctrl_c_removes_everything_that_a_run_made() -> Result<()> {
    let laptop = Laptop::start().await?;
    laptop.write("caicloud.yml", RESTLESS)?;
    let mut run = begun(&laptop).await?;
    let there = laptop.remains().await;
    assert!(
        there.len() >= 4,
        "two containers, a network and a folder are there: {there:?}"
    );
    signal(&run, Signal::SIGINT)?;
    let status = run.wait()?;
    assert_eq!(status.code(), Some(130));
    assert_eq!(laptop.remains().await, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn the_next_run_removes_what_a_killed_one_left() -> Result<()> {
    let laptop = Laptop::start().await?;
    laptop.write("caicloud.yml", RESTLESS)?;
    let mut run = begun(&laptop).await?;
    signal(&run, Signal::SIGKILL)?;
    run.wait()?;
    assert!(!laptop.remains().await.is_empty(), "a killed run leaves something");
    laptop.write(
        "caicloud.yml",
        "version: 1\nintegration: {image: 'circle/busybox:1', commands: ['true']}\n",
    )?;
    let next = laptop.ran(&[])?;
    assert_eq!(next.code, 0, "{}", next.said);
    assert!(next.said.contains("an earlier run left"), "{}", next.said);
    assert_eq!(laptop.remains().await, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn an_engine_that_dies_ends_the_run_with_that_reason() -> Result<()> {
    let mut laptop = Laptop::start().await?;
    laptop.write("caicloud.yml", RESTLESS)?;
    let run = begun(&laptop).await?;
    let log = laptop.tree().join("../home/log");
    laptop.engine().kill();
    let ended = run.wait_with_output()?;
    let said = std::fs::read_to_string(&log)? + &String::from_utf8_lossy(&ended.stderr);
    assert!(!ended.status.success(), "{said}");
    assert!(said.contains("engine"), "{said}");
    let without = laptop.ran(&[])?;
    assert_eq!(without.code, 7, "{}", without.said);
    assert!(without.said.contains("does not answer"), "{}", without.said);
    Ok(())
}

/// The engine as seen by a client from before BuildKit: it knows no sessions.
async fn without_sessions(engine: PathBuf, listener: UnixListener) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let engine = engine.clone();
        connections.spawn(async move {
            let mut head = vec![0; 4_096];
            let length = client.read(&mut head).await?;
            if head.starts_with(b"POST /session") {
                let answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                return client.write_all(answer).await;
            }
            let mut engine = UnixStream::connect(engine).await?;
            engine.write_all(&head[..length]).await?;
            tokio::io::copy_bidirectional(&mut client, &mut engine).await.map(drop)
        });
    }
}

#[tokio::test]
async fn an_engine_without_buildkit_is_refused_with_a_sentence() -> Result<()> {
    let mut laptop = Laptop::start().await?;
    laptop.write("caicloud.yml", "version: 1\nbuild: {}\n")?;
    laptop.write("Dockerfile", "FROM circle/busybox:1\nRUN true\n")?;
    let socket = laptop.tree().join("../home/old.sock");
    let listener = UnixListener::bind(&socket)?;
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o666))?;
    let mut old = JoinSet::new();
    old.spawn(without_sessions(laptop.engine().socket().to_owned(), listener));
    let mut run = laptop.circle_run(&[]);
    run.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let ended = tokio::task::spawn_blocking(move || run.output()).await??;
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("has no BuildKit") && said.contains("20.10"), "{said}");
    assert_eq!(laptop.remains().await, Vec::<String>::new(), "{said}");
    Ok(())
}

/// Starts a run and waits until its job is at work.
async fn begun(laptop: &Laptop) -> Result<Child> {
    let log = laptop.tree().join("../home/log");
    let out = File::create(&log)?;
    let run = laptop.circle_run(&[]).stdout(out).stderr(Stdio::piped()).spawn()?;
    let look = || async { says(&log, "at work\n").then_some(()).ok_or_else(|| said(&log)) };
    until("the job is at work", LIMIT, look).await?;
    Ok(run)
}

fn said(log: &Path) -> String {
    std::fs::read_to_string(log).unwrap_or_default()
}

fn signal(run: &Child, signal: Signal) -> Result<()> {
    kill(Pid::from_raw(i32::try_from(run.id())?), signal).context("the signal is sent")
}
