//! A shell where a stage failed: what it sees, what it does not, who is recorded, and that it blocks nobody.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use circle_api::resources::{PageQuery, TokenCreate, TokenScope};
use circle_test::{Circle, Options, StoryRun, program, until};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const PIPELINE: &str = "version: 1
integration:
  image: circle/busybox:1
  environment: {SHOWN: by-the-file}
  secrets: [API_TOKEN, {name: FILE_TOKEN, file: /run/secrets/file}]
  commands:
    - echo left in the image >/tmp/left
    - echo left in the checkout >made
    - test -n \"$API_TOKEN\"
    - test -s /run/secrets/file
    - false
";

/// What looks for the words of both secrets wherever the shell can look, and for something that is there to be found. A terminal
/// shows what is typed: the words are written so that they do not find themselves.
const LOOK: &str = "find / -path /proc -prune -o -path /sys -prune -o -path /dev -prune -o -type f -exec \
                    grep -lE 'left in the [i]mage|correct-horse-[b]attery|second-words-of-a-[f]ile' {} + | sort | sed 's/^/found: /'\n\
                    cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -E 'by-the-[f]ile|correct-horse-[b]attery|second-words-of-a-[f]ile' | \
                    sort -u | sed 's/^/variable: /'\n\
                    cat /run/secrets/file\n";

/// Types lines into `circle shell`; gives the program's code, its output and its errors.
async fn shell(circle: &Circle, run: &StoryRun, lines: &str) -> Result<(i32, String, String)> {
    shell_by(circle, run, (&circle.folder().join("data/server/admin-token"), lines)).await
}

/// The same by whoever has the token in a file.
async fn shell_by(circle: &Circle, run: &StoryRun, (token, lines): (&Path, &str)) -> Result<(i32, String, String)> {
    let socket = circle.folder().join("data/server/circle.sock");
    let mut child = Command::new(program("circle")?)
        .env("CIRCLE_SERVER", format!("unix://{}", socket.display()))
        .arg("--token-file")
        .arg(token)
        .args(["shell", &run.id().to_string()])
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

async fn set_secrets(circle: &Circle) -> Result<()> {
    circle.set_secret("API_TOKEN", "correct-horse-battery").await?;
    circle.set_secret("FILE_TOKEN", "second-words-of-a-file").await
}

/// A file with a token of this name, which may do no more than that.
async fn token_of(circle: &Circle, name: &str, scope: TokenScope) -> Result<PathBuf> {
    let wish = TokenCreate {
        name: name.to_owned(),
        valid_s: None,
        scope: Some(scope),
        workspace: None,
    };
    let made = circle.client().create_token(&wish).await?;
    let file = circle.folder().join(name);
    std::fs::write(&file, made.value.expose())?;
    Ok(file)
}

#[tokio::test]
async fn a_shell_sees_what_failed_without_its_secrets_and_makes_way_for_the_next_run() -> Result<()> {
    let circle = Circle::start(Options {
        cells: 1,
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    set_secrets(&circle).await?;
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

    // Whoever opens one is written down by name; whoever may only read opens none.
    let night = token_of(&circle, "night-shift", TokenScope::Run).await?;
    let (code, seen, said) = shell_by(&circle, &held, (&night, &format!("{LOOK}exit 7\n"))).await?;
    ensure!(code == 0, "{code}: {said}");
    let after = |word: &str| -> Vec<String> {
        let lines = seen.lines().filter_map(|line| line.strip_prefix(word));
        lines.map(|rest| rest.trim().to_owned()).collect()
    };
    // The pipeline's own file says what is left.
    ensure!(after("found: ") == ["/tmp/left", "/workspace/caicloud.yml"], "{seen}");
    ensure!(after("variable: ") == ["SHOWN=by-the-file"], "{seen}");
    ensure!(!seen.contains("second-words-of-a-file"), "{seen}");
    let reader = token_of(&circle, "reader", TokenScope::Read).await?;
    let (code, _, said) = shell_by(&circle, &held, (&reader, "")).await?;
    ensure!(code != 0 && !said.contains("held"), "{code}: {said}");

    let shells = circle.client().shells(held.id(), &PageQuery::default()).await?.items;
    let actors: Vec<&str> = shells.iter().map(|shell| shell.actor.as_str()).collect();
    ensure!(actors == ["first administrator", "night-shift"], "{shells:?}");
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
    let over = "not held any more: its 30 min are over";
    ensure!(code == 6 && said.contains(over), "{code}: {said}");
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
    set_secrets(&circle).await?;
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
