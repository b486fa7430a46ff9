//! Repeating a run from a stage: the same commit, the stored outputs, nothing done again that was done.

use anyhow::{Context, Result};
use circle_test::{Circle, Options};

const PIPELINE: &str = "version: 1\n\
    pre_build:\n  image: circle/busybox:1\n  commands: [\"cat /proc/sys/kernel/random/uuid > made\"]\n  outputs: [made]\n\
    build: {}\n\
    post_build:\n  image: BUILT_IMAGE\n  commands: [\"cat /made\", \"grep -q go /gate || test $CIRCLE_RUN_NUMBER -gt 1\"]\n";

#[tokio::test]
async fn a_rerun_from_a_stage_takes_over_what_was_made_before_it() -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", PIPELINE)?;
    shop.write("gate", "stop\n")?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nCOPY made gate /\n")?;
    let first = shop.push("main").await?;
    first.fails("command").await?;
    let made = first_line(&first.log("post_build").await?);

    // A later commit must not change what is repeated.
    shop.write("Dockerfile", "COPPY made /\n")?;
    shop.push("other").await?.fails("build").await?;

    let second = first.rerun(Some("build")).await?;
    let view = second.succeeds().await?;
    assert_eq!(
        first_line(&second.log("post_build").await?),
        made,
        "the stored output, not a new one"
    );
    let pre_build = view
        .stages
        .iter()
        .find(|stage| stage.name == "pre_build")
        .context("the stage is shown")?;
    assert!(pre_build.reused, "{pre_build:?}");
    assert_eq!(view.rerun_of.context("it says what it repeats")?.run, first.id());
    circle.stop().await
}

/// What `cat /made` printed.
fn first_line(log: &str) -> String {
    log.lines().next().unwrap_or_default().to_owned()
}
