//! A backup that the program takes while runs go on, and the server that the program makes of it when the first one is lost.

use std::process::Output;

use anyhow::{Context, Result, ensure};
use circle_test::{Circle, Options, files_with};

const SECRET: &str = "correct-horse-battery";
/// The secret is known by its length alone, so that nothing here shows it.
const PIPELINE: &str = "version: 1
pre_build:
  image: circle/busybox:1
  secrets: [CDN_TOKEN]
  commands:
    - test ${#CDN_TOKEN} = 21 && echo \"it is $CDN_TOKEN\" && cat /proc/sys/kernel/random/uuid | tee made
  outputs: [made]
post_build:
  image: circle/busybox:1
  commands: [cat made, \"grep -q go gate || sleep 600\"]
";

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), output.stderr.as_slice()].concat()).into_owned()
}

/// Wants this exit code, and gives what was said.
async fn ends(circle: &Circle, code: i32, words: &[&str]) -> Result<String> {
    let output = circle.command(words).await?;
    ensure!(output.status.code() == Some(code), "{words:?}: {output:?}");
    Ok(told(&output))
}

#[tokio::test]
async fn a_lost_server_is_made_anew_from_the_backup_of_a_working_one() -> Result<()> {
    let mut circle = Circle::start(Options {
        lease_ms: Some(2_000),
        ..Options::default()
    })
    .await?;
    circle.set_secret("CDN_TOKEN", SECRET).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", PIPELINE)?;
    shop.write("gate", "go\n")?;
    let whole = shop.push("main").await?;
    whole.succeeds().await?;
    let logs = (whole.log("pre_build").await?, whole.log("post_build").await?);
    shop.write("gate", "stop\n")?;
    let going = shop.push("slow").await?;
    going.reaches("post_build").await?;

    let said = ends(&circle, 0, &["backup", "all.tar"]).await?;
    ensure!(said.contains("master keys") && said.contains("not inside"), "{said}");
    let said = ends(&circle, 2, &["backup", "all.tar"]).await?;
    ensure!(said.contains("all.tar is there already"), "{said}");
    ensure!(
        files_with(circle.folder(), SECRET)?.is_empty(),
        "the secret lies somewhere"
    );
    let later = shop.push("later").await?;
    later.reaches("post_build").await?;

    // The machine is lost but for the backup, and the key that was kept elsewhere.
    circle.kill_worker().await?;
    circle.kill_server().await?;
    let at = |name: &str| circle.folder().join(name);
    std::fs::copy(at("data/server/master-key"), at("kept-key"))?;
    std::fs::rename(at("data/server"), at("lost"))?;
    let restore = ["--data", "data", "restore", "all.tar"];
    let said = ends(&circle, 7, &restore).await?;
    ensure!(said.contains("--master-key"), "{said}");
    ensure!(!at("data/server/records").exists(), "something is in place");
    let with_key = [&restore[..], &["--master-key", "kept-key"]].concat();
    let said = ends(&circle, 0, &with_key).await?;
    ensure!(said.contains("is as the server was at"), "{said}");
    let said = ends(&circle, 7, &with_key).await?;
    ensure!(said.contains("data/server"), "nothing is written over: {said}");

    circle.start_server().await?;
    circle.start_worker().await?;
    ensure!((logs.0, logs.1) == (whole.log("pre_build").await?, whole.log("post_build").await?));
    let known = shop.runs().await?;
    ensure!(known.iter().all(|run| run.id != later.id()), "{known:?}");
    // What was going is still known, and the stored outputs and secrets serve new runs.
    going.cancel().await?;
    going.ended().await?;
    let again = whole.rerun(Some("post_build")).await?;
    again.succeeds().await?;
    let made = |log: String| log.lines().find(|line| line.len() == 36).map(str::to_owned);
    let first = made(whole.log("pre_build").await?).context("the first run made something")?;
    ensure!(again.log("post_build").await?.contains(&first), "the stored output");
    shop.write("gate", "go\n")?;
    let new = shop.push("main").await?;
    new.succeeds().await?;
    ensure!(!new.log("pre_build").await?.contains(SECRET), "it is masked");
    circle.stop().await
}
