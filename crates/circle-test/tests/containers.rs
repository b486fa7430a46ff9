//! A worker on a host that has Docker and nothing else: its cells are containers of that engine.

use std::time::Duration;

use anyhow::{Result, ensure};
use circle_api::resources::EnrolmentCreate;
use circle_cell::conformance::{HostEngine, Reach};
use circle_test::{Circle, Options, image, until};

const BUILD: &str = "version: 1
integration: {image: 'circle/busybox:1', commands: [echo seen by a container]}
build: {dockerfile: Dockerfile}
";
const LONG: &str = "version: 1\nintegration: {image: 'circle/busybox:1', commands: [echo under way, sleep 600]}\n";

#[tokio::test]
async fn runs_go_through_cells_in_containers_and_nothing_is_left_at_the_engine() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    circle.stop_worker().await?;
    let folder = tempfile::tempdir_in("/var/tmp")?;
    let engine = HostEngine::start(&folder.path().join("engine"), Reach::default()).await;
    engine.load(&image("worker-base")?).await;
    let flags = [
        "--provider=container".to_owned(),
        format!("--engine=unix://{}", engine.socket().display()),
        "--warm-cells=1".to_owned(),
    ];
    let token = circle.client().enrol_worker(&EnrolmentCreate::default()).await?.token;
    circle.join_worker_with(token.expose(), "docked", &flags).await?;

    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", BUILD)?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nRUN echo built > /built\n")?;
    let run = shop.push("main").await?;
    run.succeeds().await?;
    let log = run.log("integration").await?;
    ensure!(log.contains("seen by a container"), "{log}");

    // Cancelled, its cell is gone with its volume; killed, the next worker finds what was left.
    shop.write("caicloud.yml", LONG)?;
    let cancelled = shop.push("main").await?;
    cancelled.says("integration", "under way").await?;
    cancelled.cancel().await?;
    cancelled.ends_as("cancelled").await?;
    let orphan = shop.push_ref("second").await?;
    orphan.says("integration", "under way").await?;
    circle.kill_worker().await?;
    circle.start_joined_worker("docked", &flags).await?;
    orphan.cancel().await?;
    orphan.ends_as("cancelled").await?;
    circle.stop_worker().await?;
    until("nothing is left at the engine", Duration::from_secs(30), || async {
        let mut left = engine.labelled("circle.instance").await;
        left.extend(engine.volumes().await);
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await?;
    circle.stop().await
}
