//! A worker that joins over the network: no socket of the server, no file of its own but a one-time token.

use std::process::Command;

use anyhow::Result;
use circle_api::resources::EnrolmentCreate;
use circle_api::routes::DEFAULT_WORKSPACE;
use circle_test::{Circle, Options, program};

const PIPELINE: &str = "version: 1\nintegration: {image: 'circle/busybox:1', commands: [echo joined]}\n";

#[tokio::test]
async fn a_machine_joins_with_a_token_and_takes_its_workspaces_runs() -> Result<()> {
    let mut circle = Circle::start(Options::default()).await?;
    circle.stop_worker().await?;
    let of_workspace = EnrolmentCreate {
        workspace: Some(DEFAULT_WORKSPACE.to_owned()),
        ..EnrolmentCreate::default()
    };
    let token = circle.client().enrol_worker(&of_workspace).await?.token;
    circle.join_worker(token.expose(), "joined").await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", PIPELINE)?;
    let run = shop.push("main").await?;
    run.succeeds().await?;
    assert!(run.log("integration").await?.contains("joined"));
    let workers = circle.client().workers(&Default::default()).await?.items;
    let joined = workers.iter().find(|worker| worker.name == "joined");
    assert!(joined.is_some_and(|worker| worker.workspace.is_some()), "{workers:?}");

    // A folder that has a token is not enrolled a second time, and nothing leaves in the clear.
    let again = Command::new(program("circle")?)
        .args(["worker", "join", token.expose(), "--server", &circle.url()])
        .args(["--data".into(), circle.folder().join("joined")])
        .output()?;
    let complaint = String::from_utf8_lossy(&again.stderr).into_owned();
    assert_eq!(again.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("has a worker's token already"), "{complaint}");
    circle.stop().await
}
