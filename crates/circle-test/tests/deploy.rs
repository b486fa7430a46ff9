//! From a push to a service that answers: the first deployment, an update, a bad version, a crash in the middle.

use std::time::Duration;

use anyhow::{Context, Result};
use circle_lab::visit;
use circle_test::{Circle, Options, StoryService, until};

const PIPELINE: &str =
    "version: 1\ntriggers: [{event: push, stages: all}]\nbuild: {}\ndeploy:\n  - environment: production\n";

/// A web server that says `text`; healthy when `healthy`.
fn dockerfile(text: &str, healthy: bool) -> String {
    // A good one has patience with a busy machine.
    let (check, patience) = if healthy {
        ("wget -q -O - http://127.0.0.1:8080/", "--timeout=10s --retries=5")
    } else {
        ("false", "--timeout=2s --retries=2")
    };
    format!(
        "FROM circle/busybox:1\nRUN mkdir /www && echo {text} > /www/index.html\nEXPOSE 8080\n\
         HEALTHCHECK --interval=1s {patience} CMD {check}\n\
         CMD [\"httpd\", \"-f\", \"-p\", \"8080\", \"-h\", \"/www\"]\n"
    )
}

fn version(shop: &StoryService, text: &str, healthy: bool) -> Result<()> {
    shop.write("caicloud.yml", PIPELINE)?;
    shop.write("Dockerfile", dockerfile(text, healthy))
}

async fn answer(circle: &Circle, service: &str) -> Result<String, String> {
    let published = circle
        .swarm()
        .map_err(|error| error.to_string())?
        .published(service)
        .await;
    let published = published.map_err(|error| error.to_string())?;
    let place = published.first().ok_or("nothing is published")?;
    visit(place.address, place.port, "/")
        .await
        .map_err(|error| error.to_string())
}

async fn answers(circle: &Circle, service: &str, wanted: &str) -> Result<()> {
    until(&format!("the answer {wanted}"), Duration::from_secs(20), || async {
        let said = answer(circle, service).await?;
        if said == wanted { Ok(()) } else { Err(said) }
    })
    .await
}

fn with_swarm() -> Options {
    Options {
        swarm: true,
        ..Options::default()
    }
}

#[tokio::test]
async fn a_push_ends_as_a_service_that_answers_and_a_bad_version_is_rolled_back() -> Result<()> {
    let circle = Circle::start(with_swarm()).await?;
    let shop = circle.deployed_service("shop", 8080).await?;
    version(&shop, "one", true)?;
    let first = shop.push("main").await?.succeeds().await?;
    answers(&circle, "shop", "one").await?;
    let running = circle.swarm()?.published("shop").await?;
    let digest = first.images[0].digest.clone().context("a pushed image has a digest")?;
    assert!(
        running[0].image.ends_with(&digest),
        "deployed by digest: {}",
        running[0].image
    );

    version(&shop, "two", true)?;
    shop.push("main").await?.succeeds().await?;
    answers(&circle, "shop", "two").await?;

    version(&shop, "three", false)?;
    let said = shop.push("main").await?.fails("deploy").await?;
    assert!(said.contains("rolled back"), "{said}");
    answers(&circle, "shop", "two").await?;
    circle.stop().await
}

#[tokio::test]
async fn sec_71_a_scratch_branch_deploys_nothing_whatever_its_file_says() -> Result<()> {
    let circle = Circle::start(with_swarm()).await?;
    let shop = circle.deployed_service("shop", 8080).await?;
    version(&shop, "scratch", true)?;
    let view = shop.push("scratch").await?.succeeds().await?;
    assert!(view.deployments.is_empty(), "{:?}", view.deployments);
    let said = view.warnings.join(" ");
    assert!(
        said.contains("refs/heads/scratch") && said.contains("production"),
        "{said}"
    );
    assert!(circle.swarm()?.published("shop").await.unwrap_or_default().is_empty());
    circle.stop().await
}

#[tokio::test]
async fn a_server_killed_in_mid_deploy_finishes_it_once() -> Result<()> {
    let mut circle = Circle::start(with_swarm()).await?;
    let shop = circle.deployed_service("shop", 8080).await?;
    version(&shop, "one", true)?;
    shop.push("main").await?.succeeds().await?;
    version(&shop, "two", true)?;
    let run = shop.push("main").await?;
    run.deploys().await?;
    circle.kill_server().await?;
    circle.start_server().await?;
    run.succeeds().await?;
    answers(&circle, "shop", "two").await?;
    let view = run.view().await?;
    assert_eq!(view.deployments.len(), 1, "{:?}", view.deployments);
    circle.stop().await
}
