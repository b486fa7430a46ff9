//! The command line as a developer uses it against a running Circle: tables, JSON, exit codes.

use anyhow::{Context, Result, ensure};
use circle_test::{Circle, Options, Said, StoryService};
use serde_json::Value;

/// Two stages; the second fails while `gate` says stop.
const PIPELINE: &str = "version: 1\n\
    pre_build:\n  image: circle/busybox:1\n  commands: [\"echo compiled > made\", \"cat made\"]\n  outputs: [made]\n\
    post_build:\n  image: circle/busybox:1\n  commands: [\"cat made gate\", \"sh -e gate\"]\n";

async fn circle(circle: &Circle, line: &str) -> Result<Said> {
    circle.says(&line.split_whitespace().collect::<Vec<_>>()).await
}

async fn shop(circle: &Circle) -> Result<StoryService> {
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", PIPELINE)?;
    Ok(shop)
}

#[tokio::test]
async fn a_developer_triggers_follows_reads_repeats_and_cancels() -> Result<()> {
    let server = Circle::start(Options::default()).await?;
    circle(&server, "runs").await?.is(0, &["no runs"])?;
    let shop = shop(&server).await?;
    shop.write("gate", "true\n")?;
    shop.push("main").await?.succeeds().await?;

    let followed = circle(&server, "trigger shop --branch main --reason again --follow --logs").await?;
    followed.is(0, &["compiled", "post_build", "succeeded"])?;
    let runs = circle(&server, "runs shop --json").await?;
    let runs = runs.is(0, &[])?.json()?;
    let states: Vec<&Value> = runs["items"]
        .as_array()
        .context("items")?
        .iter()
        .map(|run| &run["state"])
        .collect();
    ensure!(states == ["succeeded", "succeeded"], "{runs}");
    circle(&server, "runs")
        .await?
        .is(0, &["shop/2", "shop/1", "succeeded"])?;

    let shown = circle(&server, "show shop").await?;
    shown.is(0, &["shop #2", "pre_build", "post_build", "again"])?;
    ensure!(!shown.out.contains('\u{1b}'), "colours where no terminal is: {shown:?}");
    let shown = circle(&server, "show shop/1 --json").await?.is(0, &[])?.json()?;
    ensure!(shown["run"]["number"] == 1, "{shown}");

    let log = circle(&server, "logs shop/2 --stage pre_build").await?;
    ensure!(
        log.is(0, &[])?.out.starts_with("compiled\n"),
        "the bytes as they came: {log:?}"
    );

    shop.write("gate", "exit 3\n")?;
    shop.push("main").await?.fails("command").await?;
    circle(&server, "show shop --watch")
        .await?
        .is(1, &["post_build", "failed"])?;
    circle(&server, "logs shop --follow").await?.is(1, &["exit 3"])?;
    let repeated = circle(&server, "rerun shop --from post_build --follow").await?;
    repeated.is(1, &["post_build"])?;
    let nowhere = circle(&server, "rerun shop --from nowhere").await?;
    nowhere.is(2, &["no stage \"nowhere\"", "post_build"])?;
    ensure!(nowhere.err.matches("nowhere").count() == 1, "said once: {nowhere:?}");

    shop.write("gate", "sleep 600\n")?;
    let long = shop.push("main").await?;
    long.reaches("post_build").await?;
    circle(&server, "cancel shop").await?.is(0, &[])?;
    circle(&server, "show shop --watch").await?.is(130, &["cancelled"])?;
    circle(&server, "cancel shop").await?.is(6, &["ended"])?;
    server.stop().await
}

#[tokio::test]
async fn what_is_not_there_or_not_allowed_has_its_own_code_and_sentence() -> Result<()> {
    let mut server = Circle::start(Options::default()).await?;
    for (line, code, words) in [
        ("show nothing/1", 3, &["nothing"][..]),
        ("trigger nothing", 3, &["nothing"]),
        ("service add shop", 2, &["--repository"]),
        ("runs --limit 0", 2, &["--limit"]),
        ("runs --state odd", 2, &["odd", "queued"]),
    ] {
        let said = circle(&server, line).await?;
        said.is(code, words).with_context(|| line.to_owned())?;
        ensure!(said.out.is_empty(), "an error belongs on standard error: {said:?}");
    }
    let json = circle(&server, "show nothing/1 --json").await?;
    ensure!(json.is(3, &[])?.out.is_empty(), "{json:?}");

    let stranger = server.folder().join("stranger");
    std::fs::write(&stranger, "not-a-token\n")?;
    let refused = circle(&server, &format!("runs --token-file {}", stranger.display())).await;
    // The harness gives a token file of its own; a second one is a wrong command line.
    refused?.is(2, &["--token-file"])?;

    server.stop_worker().await?;
    server.stop_server().await?;
    circle(&server, "runs").await?.is(5, &["does not answer"])?;
    Ok(())
}
