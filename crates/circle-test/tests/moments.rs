//! A cancel at every moment of a run: nothing of the run stays on the machine, and its place is as good as new. A cancel in the
//! middle of a pull and a copy-out stands in `cell_ends`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use circle_test::{Circle, Debris, Moment, Options, Scope, StoryRun, StoryService, until};
use nix::sys::signal::Signal;

/// For what takes a second or two on a machine with nothing else to do.
const LIMIT: Duration = Duration::from_secs(60);
/// From the wish to the run's end; far more than is promised, and far less than anything that is waited for here.
const CANCEL_LIMIT: Duration = Duration::from_secs(15);
/// One place, and no cell but for a run: what is on the machine is the run's.
async fn one_place() -> Result<(Circle, StoryService, Debris)> {
    let circle = Circle::start(Options {
        cells: 1,
        taps: true,
        worker: &["--warm-cells=0", "--warm-roots=0"],
        ..Options::default()
    })
    .await?;
    let shop = circle.service("shop").await?;
    // The base is made after a first cell, or after some patience.
    quick(&shop).await?.succeeds().await?;
    root(&circle, "the operator's images").await?;
    until("the base's own cell is gone", LIMIT, || async {
        let daemons = circle.in_cells("dockerd").map_err(|error| error.to_string())?;
        if daemons.is_empty() {
            Ok(())
        } else {
            Err(format!("{daemons:?}"))
        }
    })
    .await?;
    let before = circle.debris_in(Scope::Worker)?;
    Ok((circle, shop, before))
}

/// Waits for the root with this label.
async fn root(circle: &Circle, label: &str) -> Result<()> {
    until(label, LIMIT, || async {
        let said = circle
            .says(&["cells", "--json"])
            .await
            .map_err(|error| format!("{error:#}"))?;
        if said.out.contains(label) {
            Ok(())
        } else {
            Err(format!("{said:?}"))
        }
    })
    .await
}

/// A run that wants nothing but the place.
async fn quick(shop: &StoryService) -> Result<StoryRun> {
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration: {image: 'circle/busybox:1', commands: ['true']}\n",
    )?;
    shop.push("topic").await
}

#[tokio::test]
async fn sec_29_a_cancel_at_any_moment_leaves_nothing_and_the_place_is_good() -> Result<()> {
    let (mut circle, shop, before) = one_place().await?;
    for moment in Moment::ALL {
        let at = || format!("cancelled at {moment:?}");
        let run = moment.reached(&circle, &shop).await.with_context(at)?;
        run.cancel().await?;
        let ended = tokio::time::timeout(CANCEL_LIMIT, run.ends_as("cancelled")).await;
        ended.with_context(at)?.with_context(at)?;
        // Only now: the cancel had to do without.
        Moment::let_go(&circle)?;
        quick(&shop).await?.succeeds().await.with_context(at)?;
        circle.carries_nothing_beyond(&before).await.with_context(at)?;
    }
    circle.leaves_nothing().await?;
    circle.stop().await
}

/// The run is over when its cell becomes a root: a cancel finds nothing to end, and the root is made all the same. Whoever
/// comes next does not wait for it.
#[tokio::test]
async fn a_cancel_while_a_root_is_made_of_the_runs_cell_is_refused_and_nobody_waits() -> Result<()> {
    let (mut circle, shop, before) = one_place().await?;
    shop.write("Dockerfile", "FROM circle/busybox:1\nCOPY . /srv\n")?;
    shop.write("caicloud.yml", "version: 1\nbuild: {}\n")?;
    let run = shop.push("main").await?;
    run.succeeds().await?;
    let stopped = circle.signal_in_cells("dockerd", Signal::SIGSTOP)?;
    ensure!(stopped == 1, "the cell had become a root already");
    let number = run.number().await?;
    let said = circle.says(&["cancel", &format!("shop/{number}")]).await?;
    said.is(6, &["the run has ended already"])?;
    let next = quick(&shop).await?;
    until(
        "the next run has a cell beside the one that becomes a root",
        LIMIT,
        || async {
            match circle.in_cells("dockerd").map_err(|error| error.to_string())?.len() {
                2 => Ok(()),
                other => Err(format!("{other} daemons")),
            }
        },
    )
    .await?;
    // Soon: a daemon that does not end in time becomes no root.
    circle.signal_in_cells("dockerd", Signal::SIGCONT)?;
    next.succeeds().await?;
    root(&circle, "shop refs/heads/main").await?;
    run.succeeds().await?;
    circle.carries_nothing_beyond(&before).await?;
    circle.leaves_nothing().await?;
    circle.stop().await
}
