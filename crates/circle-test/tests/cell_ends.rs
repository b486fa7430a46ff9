//! Ends of a cell in the middle of something: cancelled while it builds, pulls, copies out; its engine killed. Everything dies
//! at once, the place is ready again, nothing is left.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use circle_test::{Circle, Options, StoryRun, StoryService, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// From the wish to the run's end, which is told when everything in the cell is dead; on a machine with other things to do.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);
/// From a push to its copy-out; an image is started before.
const COPY_LIMIT: Duration = Duration::from_secs(60);
/// Output that takes seconds to be copied, and is stopped long before.
const OUTPUT_BYTES: u64 = 4 << 30;

/// Cancels a run at this moment, and wants its place to be as good as new.
async fn cancel_and_go_on(circle: &mut Circle, shop: &StoryService, run: StoryRun) -> Result<()> {
    let asked = Instant::now();
    run.cancel().await?;
    run.ends_as("cancelled").await?;
    let took = asked.elapsed();
    ensure!(took < CANCEL_LIMIT, "the run took {took:?} to die");
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [\"true\"]\n",
    )?;
    shop.push("main").await?.succeeds().await?;
    circle.leaves_nothing().await
}

fn one_cell() -> Options {
    Options {
        cells: 1,
        ..Options::default()
    }
}

#[tokio::test]
async fn sec_29_a_cancel_in_the_middle_of_a_build_leaves_nothing() -> Result<()> {
    let mut circle = Circle::start(one_cell()).await?;
    let shop = circle.service("shop").await?;
    shop.write("caicloud.yml", "version: 1\nbuild: {}\n")?;
    let step = "(setsid sh -c 'while :; do dd if=/dev/zero of=/f bs=4k count=64 conv=fsync 2>/dev/null; done' &); echo builds; sleep 600";
    shop.write("Dockerfile", format!("FROM circle/busybox:1\nRUN {step}\n"))?;
    let run = shop.push("main").await?;
    run.says("build", "builds").await?;
    cancel_and_go_on(&mut circle, &shop, run).await?;
    circle.stop().await
}

#[tokio::test]
async fn sec_29_a_cancel_in_the_middle_of_a_pull_leaves_nothing() -> Result<()> {
    let mut circle = Circle::start(one_cell()).await?;
    let shop = circle.service("shop").await?;
    let image = format!("{}/never/comes:1", circle.registry_mut().address());
    let registry = circle.registry_mut().pid().context("a registry runs")?;
    let registry = Pid::from_raw(i32::try_from(registry)?);
    // A registry that accepts and never answers.
    kill(registry, Signal::SIGSTOP)?;
    shop.write(
        "caicloud.yml",
        format!("version: 1\nintegration:\n  image: {image}\n  commands: [\"true\"]\n"),
    )?;
    let run = shop.push("main").await?;
    run.reaches("integration").await?;
    let ended = cancel_and_go_on(&mut circle, &shop, run).await;
    kill(registry, Signal::SIGCONT)?;
    ended?;
    circle.stop().await
}

/// The cells in which outputs are being copied into a tar, with the bytes that it holds so far.
fn tars(circle: &Circle) -> Vec<(String, u64)> {
    let within = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let pool = circle.worker_folder().join("cells/pool");
    let disks = ["cells", "mounts"].into_iter().flat_map(|part| within(pool.join(part)));
    let tars = disks.flat_map(|disk| {
        let cell = disk.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let tars = within(disk.join("folders")).into_iter();
        tars.filter_map(move |folder| Some((cell.clone(), fs::metadata(folder.join("outputs.tar")).ok()?.len())))
    });
    tars.collect()
}

/// Stops the daemon of one cell.
fn stop_daemon(circle: &Circle, cell: &str) -> Result<()> {
    for daemon in circle.in_cells("dockerd")? {
        let groups = fs::read_to_string(format!("/proc/{daemon}/cgroup"))?;
        if groups.contains(&format!("/circle/{cell}/")) {
            return kill(daemon, Signal::SIGSTOP).context("the daemon is stopped");
        }
    }
    anyhow::bail!("the cell {cell} has no daemon")
}

/// A copy-out that has begun and goes no further, because the engine that sends is stopped in the middle of it.
async fn copying_out(circle: &Circle, run: &StoryRun) -> Result<()> {
    // The disk knows of it sooner than the log.
    let cell = until("something is copied out", COPY_LIMIT, || async {
        match tars(circle).as_slice() {
            [(cell, 1..)] => Ok(cell.clone()),
            others => Err(format!("{others:?}")),
        }
    })
    .await?;
    stop_daemon(circle, &cell)?;
    let mut last = Vec::new();
    until("what was sent has been written", COPY_LIMIT, || {
        let before = std::mem::replace(&mut last, tars(circle));
        std::future::ready(if before == last {
            Ok(())
        } else {
            Err(format!("{last:?}"))
        })
    })
    .await?;
    ensure!(
        matches!(last.as_slice(), [(_, 1..OUTPUT_BYTES)]),
        "it is not in the middle: {last:?}"
    );
    run.says("pre_build", "copying out").await?;
    let log = run.log("pre_build").await?;
    ensure!(!log.contains("bytes of outputs"), "it has ended: {log}");
    Ok(())
}

#[tokio::test]
async fn sec_29_a_cancel_in_the_middle_of_a_copy_out_leaves_nothing() -> Result<()> {
    let mut circle = Circle::start(one_cell()).await?;
    let shop = circle.service("shop").await?;
    // A hole is made in no time, and is copied as what it stands for.
    let commands = format!("mkdir out; truncate -s {OUTPUT_BYTES} out/much");
    shop.write(
        "caicloud.yml",
        format!("version: 1\npre_build:\n  image: circle/busybox:1\n  commands: [\"{commands}\"]\n  outputs: [out]\nbuild: {{}}\n"),
    )?;
    shop.write("Dockerfile", "FROM circle/busybox:1\n")?;
    let run = shop.push("main").await?;
    copying_out(&circle, &run).await?;
    cancel_and_go_on(&mut circle, &shop, run).await?;
    circle.stop().await
}

#[tokio::test]
async fn sec_32_a_run_whose_engine_is_killed_says_so_and_is_tried_once_more() -> Result<()> {
    let mut circle = Circle::start(one_cell()).await?;
    let shop = circle.service("shop").await?;
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [\"echo works\", \"sleep 4\"]\n",
    )?;
    let run = shop.push("main").await?;
    run.says("integration", "works").await?;
    ensure!(circle.signal_in_cells("dockerd", Signal::SIGKILL)? > 0, "a daemon runs");
    let view = run.succeeds().await?;
    let told = view.warnings.join("\n");
    ensure!(
        told.contains("tried once more") && told.contains("daemon ended by signal 9"),
        "{told}"
    );

    shop.write(
        "caicloud.yml",
        "version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [\"echo works\", \"sleep 600\"]\n",
    )?;
    let run = shop.push("main").await?;
    run.says("integration", "works").await?;
    circle.signal_in_cells("dockerd", Signal::SIGKILL)?;
    until(
        "the second try has a log of its own",
        Duration::from_secs(30),
        || async {
            let index = circle.client().log_index(run.id()).await;
            let stages = index.map_err(|error| error.to_string())?.stages;
            let second = stages.iter().any(|log| log.stage == "integration" && log.attempt == 2);
            if second { Ok(()) } else { Err(format!("{stages:?}")) }
        },
    )
    .await?;
    run.says("integration", "works").await?;
    circle.signal_in_cells("dockerd", Signal::SIGKILL)?;
    let said = run.fails("cell_died").await?;
    ensure!(
        said.contains("the run's cell died: its daemon ended by signal 9"),
        "{said}"
    );
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [\"true\"]\n",
    )?;
    shop.push("main").await?.succeeds().await?;
    circle.leaves_nothing().await?;
    circle.stop().await
}

/// The program that dockerd carries containers with, alone.
#[tokio::test]
async fn sec_32_a_run_whose_containerd_is_killed_says_so_and_is_tried_once_more() -> Result<()> {
    let mut circle = Circle::start(one_cell()).await?;
    let shop = circle.service("shop").await?;
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [\"echo works\", \"sleep 4\"]\n",
    )?;
    let run = shop.push("main").await?;
    run.says("integration", "works").await?;
    ensure!(
        circle.signal_in_cells("containerd", Signal::SIGKILL)? > 0,
        "a containerd runs"
    );
    let view = run.succeeds().await?;
    let told = view.warnings.join("\n");
    ensure!(
        told.contains("tried once more") && told.contains("the run's cell died: its containerd ended"),
        "{told}"
    );
    circle.leaves_nothing().await?;
    circle.stop().await
}

#[tokio::test]
async fn sec_32_a_run_whose_engine_dies_after_its_push_fails_with_that_reason_and_is_not_repeated() -> Result<()> {
    let mut circle = Circle::start(one_cell()).await?;
    let shop = circle.service("shop").await?;
    shop.write(
        "caicloud.yml",
        "version: 1\nbuild: {}\npost_build:\n  image: circle/busybox:1\n  commands: [\"echo works\", \"sleep 600\"]\n",
    )?;
    shop.write("Dockerfile", "FROM circle/busybox:1\n")?;
    for (daemon, reason) in [
        ("dockerd", "its daemon ended by signal 9"),
        ("containerd", "its containerd ended"),
    ] {
        let run = shop.push("main").await?;
        run.says("post_build", "works").await?;
        ensure!(circle.signal_in_cells(daemon, Signal::SIGKILL)? > 0, "a {daemon} runs");
        let said = run.fails("cell_died").await?;
        ensure!(said.contains("the run's cell died") && said.contains(reason), "{said}");
        let view = run.view().await?;
        ensure!(
            view.stages.iter().all(|stage| stage.tries <= 1) && view.warnings.is_empty(),
            "nothing is done twice: {:?}, {:?}",
            view.stages,
            view.warnings
        );
        let pushed = view.images.first().is_some_and(|image| image.digest.is_some());
        ensure!(pushed, "what was pushed is still known: {:?}", view.images);
    }
    shop.write(
        "caicloud.yml",
        "version: 1\nintegration:\n  image: circle/busybox:1\n  commands: [\"true\"]\n",
    )?;
    shop.push("main").await?.succeeds().await?;
    circle.leaves_nothing().await?;
    circle.stop().await
}
