//! Three stages and a sidecar: Circle in a warm cell against the same steps by hand on one shared daemon.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use circle_cell::{CellProvider, CellSpec};
use circle_test::{Circle, Options, StoryService, image};

use crate::cells::{docker, provider};
use crate::figures::{Report, median, ms};

/// How often each way is measured, in turns.
const ROUNDS: usize = 9;
/// Three stages of one `echo` each, the first beside a sidecar.
const PIPELINE: &str = "version: 1\n\
    integration:\n  image: circle/busybox:1\n  services:\n    side:\n      image: circle/busybox:1\n      \
    command: [httpd, -f, -p, \"80\"]\n      ready: {tcp: 80, timeout: 10s}\n  commands: [\"echo one\"]\n\
    pre_build:\n  image: circle/busybox:1\n  commands: [\"echo two\"]\n  outputs: [README]\n\
    post_build:\n  image: circle/busybox:1\n  commands: [\"echo three\"]\n";

/// Prints the ratio and both medians.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let circle = Circle::start(Options::default()).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", PIPELINE)?;
    shop.write("README", "an output\n")?;
    let shared = tempfile::tempdir_in("/var/tmp")?;
    let provider = provider(shared.path())?;
    let daemon = provider
        .start(&CellSpec {
            images: vec![image("busybox")?],
            ..CellSpec::default()
        })
        .await?;
    let (mut ours, mut whole, mut by_hand) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let (stages, all) = once(&shop).await?;
        ours.push(stages);
        whole.push(all);
        by_hand.push(hand(daemon.socket(), round).await?);
    }
    daemon.kill().await?;
    circle.stop().await?;
    let (ours, whole, by_hand) = (median(&mut ours), median(&mut whole), median(&mut by_hand));
    let ratio = ours.as_secs_f64() / by_hand.as_secs_f64();
    report.fact(
        "three stages and a sidecar by hand, docker CLI, shared daemon",
        &ms(by_hand),
    );
    report.fact("… in Circle, first stage's begin to last stage's end", &ms(ours));
    report.fact("… in Circle, push to the end of the run, checkout included", &ms(whole));
    report.row(
        "… ratio of the stages to by hand",
        &format!("{ratio:.2} ×"),
        "≤ 0.6 ×",
        ratio <= 0.6,
    );
    Ok(())
}

async fn once(shop: &StoryService) -> Result<(Duration, Duration)> {
    let start = Instant::now();
    let view = shop.push("main").await?.succeeds().await?;
    let whole = start.elapsed();
    let begin = view
        .stages
        .iter()
        .find(|stage| stage.name == "integration")
        .and_then(|stage| stage.started_at);
    let end = view.stages.iter().filter_map(|stage| stage.ended_at).max();
    let stages = end
        .context("the stages ended")?
        .duration_since(begin.context("integration began")?);
    Ok((Duration::try_from(stages)?, whole))
}

/// What somebody types who has no CI: a network, the sidecar, three containers, and all of it away again.
async fn hand(socket: &Path, round: usize) -> Result<Duration> {
    let start = Instant::now();
    let network = format!("hand{round}");
    docker(socket, &["network", "create", &network]).await?;
    let side = [
        "run",
        "-d",
        "--name",
        &network,
        "--network",
        &network,
        "--network-alias",
        "side",
    ];
    docker(
        socket,
        &[&side[..], &["circle/busybox:1", "httpd", "-f", "-p", "80"]].concat(),
    )
    .await?;
    let one = ["run", "--rm", "--network", &network, "circle/busybox:1", "sh", "-c"];
    docker(
        socket,
        &[&one[..], &["until nc -w 1 side 80 </dev/null; do :; done; echo one"]].concat(),
    )
    .await?;
    docker(socket, &["run", "--rm", "circle/busybox:1", "echo", "two"]).await?;
    docker(socket, &["run", "--rm", "circle/busybox:1", "echo", "three"]).await?;
    docker(socket, &["rm", "--force", &network]).await?;
    docker(socket, &["network", "rm", &network]).await?;
    Ok(start.elapsed())
}
