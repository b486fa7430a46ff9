//! A cancel at every moment of a run: nothing of the run stays on the machine, and its place is as good as new. A cancel in the
//! middle of a build, a pull and a copy-out stands in `cell_ends`.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use circle_api::resources::StageWord;
use circle_test::{Circle, Debris, Options, Scope, StoryRun, StoryService, until};
use nix::sys::signal::Signal;

/// For what takes a second or two on a machine with nothing else to do.
const LIMIT: Duration = Duration::from_secs(60);
/// From the wish to the run's end; far more than is promised, and far less than anything that is waited for here.
const CANCEL_LIMIT: Duration = Duration::from_secs(15);
/// More than fits into what comes through a tap.
const MUCH_BYTES: usize = 2 << 20;
/// What comes through a tap: the talk before, and a part of what is much.
const SOME_BYTES: u64 = 1 << 20;

/// A command that says it is at work and works on, with a child of its own session that ends at no polite signal.
const RESTLESS: &str = "(setsid sh -c 'trap \\\"\\\" TERM HUP INT; while :; do dd if=/dev/zero of=/tmp/f bs=4k count=64 conv=fsync 2>/dev/null; done' &); echo at work; sleep 600";

/// Where a run is when it is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Its cell is being started: the daemon does not answer yet.
    CellStart,
    /// Half of the commit has come.
    Checkout,
    PreBuild,
    /// A sidecar runs, and is not ready.
    Sidecar,
    /// Half of a layer has gone.
    Push,
    PostBuild,
}

impl Moment {
    const ALL: [Self; 6] = [
        Self::CellStart,
        Self::Checkout,
        Self::PreBuild,
        Self::Sidecar,
        Self::Push,
        Self::PostBuild,
    ];

    fn pipeline(self) -> String {
        let rest = match self {
            Self::CellStart | Self::Checkout => "integration: {image: 'circle/busybox:1', commands: ['true']}".to_owned(),
            Self::PreBuild => format!("pre_build:\n  image: circle/busybox:1\n  commands: [\"{RESTLESS}\"]\n  outputs: [made]\nbuild: {{}}"),
            Self::Sidecar => "integration:\n  image: circle/busybox:1\n  commands: [\"echo the job began\"]\n  services:\n    db:\n      image: circle/busybox:1\n      command: [sh, -c, 'echo awake; exec sleep 600']\n      ready: {tcp: 5432, timeout: 10m}".to_owned(),
            Self::Push => "build: {}".to_owned(),
            Self::PostBuild => format!("build: {{}}\npost_build:\n  image: BUILT_IMAGE\n  commands: [\"{RESTLESS}\"]"),
        };
        format!("version: 1\n{rest}\n")
    }

    /// Makes a run and waits until it is there.
    async fn reached(self, circle: &Circle, shop: &StoryService) -> Result<StoryRun> {
        shop.write("caicloud.yml", self.pipeline())?;
        match self {
            Self::CellStart => return starting(circle, shop).await,
            Self::Checkout => {
                shop.write("much", random(MUCH_BYTES)?)?;
                circle.taps()?.git.run_dry_after(SOME_BYTES);
            }
            Self::Push => {
                shop.write("much", random(MUCH_BYTES)?)?;
                circle.taps()?.registry.run_dry_after(SOME_BYTES);
            }
            Self::PreBuild | Self::Sidecar | Self::PostBuild => {}
        }
        let run = shop.push("topic").await?;
        match self {
            Self::CellStart => {}
            Self::Checkout => {
                dry("the commit is on its way", || Ok(circle.taps()?.git.is_dry())).await?;
                run.reaches("checkout").await?;
            }
            Self::PreBuild => run.says("pre_build", "at work").await?,
            Self::Sidecar => {
                run.says("integration", "db | awake").await?;
                let log = run.log("integration").await?;
                ensure!(!log.contains("the job began"), "{log}");
            }
            Self::Push => {
                dry("a layer is on its way", || Ok(circle.taps()?.registry.is_dry())).await?;
                run.reaches("push").await?;
            }
            Self::PostBuild => run.says("post_build", "at work").await?,
        }
        Ok(run)
    }
}

/// A run whose cell cannot become ready, because its daemon is stopped before it answers.
async fn starting(circle: &Circle, shop: &StoryService) -> Result<StoryRun> {
    let stopped = async {
        until("a daemon begins", LIMIT, || async {
            let stopped = circle.signal_in_cells("dockerd", Signal::SIGSTOP);
            match stopped.map_err(|error| error.to_string())? {
                0 => Err("none yet".to_owned()),
                _ => Ok(()),
            }
        })
        .await
    };
    let (run, stopped) = tokio::join!(shop.push("topic"), stopped);
    stopped?;
    let run = run?;
    until("the worker has the run", LIMIT, || async {
        let view = run.view().await.map_err(|error| error.to_string())?;
        match view.run.state.word() {
            "running" => Ok(()),
            word => Err(word.to_owned()),
        }
    })
    .await?;
    let view = run.view().await?;
    let began = view.stages.iter().find(|stage| stage.state != StageWord::Waiting);
    ensure!(began.is_none(), "the daemon was stopped too late: {began:?}");
    Ok(run)
}

async fn dry(what: &str, is_dry: impl Fn() -> Result<bool>) -> Result<()> {
    until(what, LIMIT, || async {
        match is_dry().map_err(|error| error.to_string())? {
            true => Ok(()),
            false => Err("everything came through so far".to_owned()),
        }
    })
    .await
}

/// What no way makes smaller.
fn random(bytes: usize) -> Result<Vec<u8>> {
    use std::io::Read;
    let mut random = vec![0; bytes];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random)
}

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
    shop.write("Dockerfile", "FROM circle/busybox:1\nCOPY . /srv\n")?;
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
        circle.taps()?.git.flow_again();
        circle.taps()?.registry.flow_again();
        circle.signal_in_cells("dockerd", Signal::SIGCONT)?;
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
    shop.write("caicloud.yml", "version: 1\nbuild: {}\n")?;
    let run = shop.push("main").await?;
    run.succeeds().await?;
    let stopped = circle.signal_in_cells("dockerd", Signal::SIGSTOP)?;
    ensure!(stopped == 1, "the cell had become a root already");
    let number = run.number().await?;
    let said = circle.says(&["cancel", &format!("shop/{number}")]).await?;
    said.is(6, &["the run has ended already"])?;
    let next = quick(&shop).await?;
    next.reaches("checkout").await?;
    ensure!(
        circle.in_cells("dockerd")?.len() == 2,
        "the next run has a cell beside the one that becomes a root"
    );
    circle.signal_in_cells("dockerd", Signal::SIGCONT)?;
    next.succeeds().await?;
    root(&circle, "shop refs/heads/main").await?;
    run.succeeds().await?;
    circle.carries_nothing_beyond(&before).await?;
    circle.leaves_nothing().await?;
    circle.stop().await
}
