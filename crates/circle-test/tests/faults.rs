//! What breaks around a run: registries, servers, workers. Nothing accepted is lost, nothing is done twice, nothing is left.

use std::time::Duration;

use anyhow::{Result, ensure};
use circle_test::{Circle, Options, Scope, until};

/// Every stage kind in one file; each stage waits long enough to be interrupted.
fn all_stages(pause: u32) -> String {
    format!(
        "version: 1\n\
         integration:\n  image: circle/busybox:1\n  commands: [\"sleep {pause}\", \"echo tested\"]\n\
         pre_build:\n  image: circle/busybox:1\n  commands: [\"sleep {pause}\", \"date +%N > made\"]\n  outputs: [made]\n\
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

    circle.set_registry_password("wrong").await?;
    let run = shop.push("main").await?;
    let said = run.fails("push").await?;
    assert!(
        said.contains("password") || said.contains("refused") || said.contains("401"),
        "{said}"
    );
    assert!(!said.contains("wrong-password"), "no secret in a failure");

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
    for stage in ["integration", "pre_build", "build", "post_build"] {
        run.reaches(stage).await?;
        circle.kill_server().await?;
        circle.start_server().await?;
    }
    run.succeeds().await?;
    let view = run.view().await?;
    ensure!(
        view.stages.iter().all(|stage| stage.tries == 1),
        "each stage once: {:?}",
        view.stages
    );
    assert_eq!(run.log("integration").await?.matches("tested").count(), 1);
    circle.stop().await
}

#[tokio::test]
async fn a_worker_killed_leaves_nothing_and_the_run_is_taken_again() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", all_stages(3))?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nCOPY made /made\n")?;
    let run = shop.push("main").await?;
    run.reaches("pre_build").await?;
    circle.kill_worker().await?;
    circle.start_worker().await?;
    run.succeeds().await?;
    let log = run.log("integration").await?;
    assert_eq!(
        log.matches("tested").count(),
        1,
        "the log of the lost attempt is gone: {log}"
    );
    circle.stop().await
}

#[tokio::test]
async fn a_cancel_ends_a_stage_at_once_and_leaves_nothing() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    let before = circle.debris_in(Scope::Worker)?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", all_stages(600))?;
    shop.write("Dockerfile", "FROM circle/busybox:1\n")?;
    let run = shop.push("main").await?;
    run.reaches("integration").await?;
    run.cancel().await?;
    run.ends_as("cancelled").await?;
    circle.stop_worker().await?;
    until("the machine is as before", Duration::from_secs(20), || async {
        let beyond = circle
            .debris_in(Scope::Worker)
            .map_err(|error| error.to_string())?
            .beyond(&before);
        if beyond.is_empty() {
            Ok(())
        } else {
            Err(format!("{beyond:#?}"))
        }
    })
    .await?;
    circle.stop().await
}
