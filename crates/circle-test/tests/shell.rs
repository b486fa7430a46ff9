//! A shell where a stage failed: what it sees, what it does not, who is recorded, and that it blocks nobody.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use circle_api::resources::PageQuery;
use circle_test::{Circle, Options, StoryRun, program, until};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const PIPELINE: &str = "version: 1
integration:
  image: circle/busybox:1
  environment: {SHOWN: by-the-file}
  secrets: [API_TOKEN]
  commands:
    - echo left in the image >/tmp/left
    - echo left in the checkout >made
    - test -n \"$API_TOKEN\"
    - false
";

/// Types lines into `circle shell`; gives the program's code, its output and its errors.
async fn shell(circle: &Circle, run: &StoryRun, lines: &str) -> Result<(i32, String, String)> {
    let mut child = Command::new(program("circle")?)
        .args([
            "--data",
            &circle.folder().join("data").display().to_string(),
            "shell",
            &run.id().to_string(),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut stdin = child.stdin.take().context("its input")?;
    stdin.write_all(lines.as_bytes()).await?;
    drop(stdin);
    let output = tokio::time::timeout(Duration::from_secs(60), child.wait_with_output()).await??;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok((
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        text(&output.stderr),
    ))
}

#[tokio::test]
async fn a_shell_sees_what_failed_without_its_secrets_and_makes_way_for_the_next_run() -> Result<()> {
    let circle = Circle::start(Options {
        cells: 1,
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    circle.set_secret("API_TOKEN", "correct-horse-battery").await?;
    shop.write("caicloud.yml", PIPELINE)?;
    let first = shop.push("main").await?;
    first.fails("command").await?;
    let (code, _, said) = shell(&circle, &first, "").await?;
    ensure!(code == 6 && said.contains("rerun --hold"), "{code}: {said}");

    let held = first.rerun_and_hold().await?;
    held.fails("command").await?;
    let lines =
        "cat /tmp/left; cat made; pwd; echo $SHOWN/$CIRCLE_SERVICE; env | grep -c API_TOKEN; stty size; exit 7\n";
    let (code, seen, said) = shell(&circle, &held, lines).await?;
    ensure!(code == 0, "{code}: {said}");
    for wanted in [
        "left in the image",
        "left in the checkout",
        "/workspace",
        "by-the-file/shop",
        "24 80",
    ] {
        ensure!(seen.contains(wanted), "{wanted} is not in:\n{seen}\n{said}");
    }
    ensure!(!seen.contains("correct-horse-battery"), "{seen}");

    let shells = circle.client().shells(held.id(), &PageQuery::default()).await?.items;
    ensure!(shells.len() == 1, "{shells:?}");
    ensure!(
        shells[0].closed_at.is_some() && shells[0].ended.as_deref() == Some("the shell exited with code 7"),
        "{shells:?}"
    );

    // The only place is held; a run that wants it gets it.
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration: {image: \"circle/busybox:1\", commands: [\"true\"]}\n",
    )?;
    shop.push("main").await?.succeeds().await?;
    let (code, _, said) = shell(&circle, &held, "echo still there\n").await?;
    ensure!(code == 6 && said.contains("not held any more"), "{code}: {said}");
    circle.stop().await
}

#[tokio::test]
async fn a_held_cell_is_given_up_when_its_time_is_over_and_so_is_the_shell_in_it() -> Result<()> {
    let mut circle = Circle::start(Options {
        cells: 1,
        worker: &["--hold-s=10", "--warm-cells=0", "--warm-roots=0"],
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    circle.set_secret("API_TOKEN", "correct-horse-battery").await?;
    shop.write("caicloud.yml", PIPELINE)?;
    let first = shop.push("main").await?;
    first.fails("command").await?;
    let held = first.rerun_and_hold().await?;
    held.fails("command").await?;
    ensure!(!circle.in_cells("dockerd")?.is_empty(), "its cell is held");
    let (code, seen, said) = shell(&circle, &held, "echo inside; sleep 600\n").await?;
    let over = "not held any more: its 10 s are over";
    ensure!(code == 6 && said.contains(over), "{code}: {said}");
    ensure!(seen.contains("inside\r\n"), "it was open until then: {seen}");
    until("the cell is gone", Duration::from_secs(30), || async {
        let daemons = circle.in_cells("dockerd").map_err(|error| error.to_string())?;
        if daemons.is_empty() {
            Ok(())
        } else {
            Err(format!("{daemons:?}"))
        }
    })
    .await?;
    let (code, _, said) = shell(&circle, &held, "").await?;
    ensure!(code == 6 && said.contains(over), "{code}: {said}");
    let shells = circle.client().shells(held.id(), &PageQuery::default()).await?.items;
    let ends: Vec<_> = shells
        .iter()
        .map(|shell| shell.ended.as_deref().unwrap_or_default())
        .collect();
    ensure!(ends.len() == 2 && ends.iter().all(|end| end.contains(over)), "{ends:?}");
    circle.leaves_nothing().await?;
    circle.stop().await
}
