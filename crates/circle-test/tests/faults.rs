//! What breaks around a run: registries, servers, workers. Nothing accepted is lost, nothing is done twice, nothing is left.

use anyhow::{Context, Result, ensure};
use circle_test::{Circle, Options, Scope, StoryRun};

/// Every stage kind in one file; each stage waits long enough to be interrupted.
fn all_stages(pause: u32) -> String {
    format!(
        "version: 1\n\
         integration:\n  image: circle/busybox:1\n  commands: [\"sleep {pause}\", \"echo tested\"]\n\
         pre_build:\n  image: circle/busybox:1\n  commands: [\"sleep {pause}\", \"cat /proc/sys/kernel/random/uuid | tee made\"]\n  outputs: [made]\n\
         build: {{}}\n\
         post_build:\n  image: BUILT_IMAGE\n  commands: [\"sleep {pause}\", \"cat /made\"]\n"
    )
}

#[tokio::test]
async fn a_registry_that_is_down_or_refuses_is_said_so() -> Result<()> {
    let mut circle = Circle::start(Options {
        registry_password: true,
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", "version: 1\nbuild: {}\n")?;
    shop.write("Dockerfile", "FROM circle/busybox:1\n")?;
    shop.push("main").await?.succeeds().await?;

    circle.set_registry_password("a-wrong-password").await?;
    let run = shop.push("main").await?;
    let said = run.fails("push").await?;
    assert!(
        said.contains("password") || said.contains("refused") || said.contains("401"),
        "{said}"
    );
    assert!(!said.contains("a-wrong-password"), "no secret in a failure: {said}");
    assert!(!run.log("push").await?.contains("a-wrong-password"), "nor in the log");

    circle.restore_registry_password().await?;
    circle.registry_mut().stop().await?;
    let run = shop.push("main").await?;
    let said = run.fails("push").await?;
    assert!(said.contains("registry"), "{said}");
    circle.registry_mut().start_again().await?;
    shop.push("main").await?.succeeds().await?;
    circle.stop().await
}

#[tokio::test]
async fn a_server_killed_during_each_stage_loses_nothing_and_repeats_nothing() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", all_stages(2))?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nCOPY made /made\n")?;
    let run = shop.push("main").await?;
    for stage in ["checkout", "integration", "pre_build", "build", "push", "post_build"] {
        run.reaches(stage).await?;
        circle.kill_server().await?;
        circle.start_server().await?;
    }
    happened_once(&run).await?;
    assert_eq!(shop.runs().await?.len(), 1, "one push is one run");
    circle.stop().await
}

/// Each stage was tried once, and what it printed stands in its log once.
async fn happened_once(run: &StoryRun) -> Result<()> {
    let view = run.succeeds().await?;
    ensure!(
        view.stages.iter().all(|stage| stage.tries == 1),
        "each stage once: {:?}",
        view.stages
    );
    assert_eq!(printed(run, "integration").await?, "tested");
    let made = printed(run, "pre_build").await?;
    assert_eq!(made.lines().count(), 1, "{made}");
    assert_eq!(
        printed(run, "post_build").await?,
        made,
        "the image holds what was made, and it is said once"
    );
    let image = view.images.first().context("an image")?;
    ensure!(image.digest.is_some(), "{image:?}");
    Ok(())
}

/// What the commands of a stage printed, without what Circle says of itself.
async fn printed(run: &StoryRun, stage: &str) -> Result<String> {
    let log = run.log(stage).await?;
    let own = |line: &&str| line.starts_with("circle: ");
    Ok(log.lines().filter(|line| !own(line)).collect::<Vec<_>>().join("\n"))
}

#[tokio::test]
async fn a_worker_killed_leaves_nothing_and_the_run_is_taken_again() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", all_stages(3))?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nCOPY made /made\n")?;
    let run = shop.push("main").await?;
    for stage in ["pre_build", "post_build"] {
        run.reaches(stage).await?;
        circle.kill_worker().await?;
        circle.start_worker().await?;
    }
    // The logs of the lost attempts are gone with them.
    happened_once(&run).await?;
    circle.leaves_nothing().await?;
    circle.stop().await
}

#[tokio::test]
async fn a_cancel_ends_a_stage_at_once_and_leaves_nothing() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", all_stages(600))?;
    shop.write("Dockerfile", "FROM circle/busybox:1\n")?;
    let run = shop.push("main").await?;
    run.reaches("integration").await?;
    ensure!(
        !circle.debris_in(Scope::Worker)?.is_empty(),
        "a look at a running cell sees it"
    );
    run.cancel().await?;
    run.ends_as("cancelled").await?;
    circle.leaves_nothing().await?;
    circle.stop().await
}
