//! Where a run can be when something happens to it, for stories and measurements that try every moment.

use std::io::Read;
use std::time::Duration;

use anyhow::{Result, ensure};
use circle_api::resources::StageWord;
use nix::sys::signal::Signal;

use crate::{Circle, StoryRun, StoryService, until};

/// For what takes a second or two on a machine with nothing else to do.
const LIMIT: Duration = Duration::from_secs(60);
/// More than fits into what comes through a tap.
const MUCH_BYTES: usize = 2 << 20;
/// What comes through a tap: the talk before, and a part of what is much.
const SOME_BYTES: u64 = 1 << 20;

/// A command that says it is at work and works on, with a child of its own session that ends at no polite signal.
const RESTLESS: &str = "(setsid sh -c 'trap \\\"\\\" TERM HUP INT; while :; do dd if=/dev/zero of=/tmp/f bs=4k count=64 conv=fsync 2>/dev/null; done' &); echo at work; sleep 600";

/// A Dockerfile whose image is made at once, and one that says it is at work and works on.
const QUICK_IMAGE: &str = "FROM circle/busybox:1\nCOPY . /srv\n";
const SLOW_IMAGE: &str = "FROM circle/busybox:1\nRUN echo at work; sleep 600\n";

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Its cell is being started: the daemon does not answer yet.
    CellStart,
    /// Half of the commit has come.
    Checkout,
    /// A job runs, with a child that ends at no polite signal.
    PreBuild,
    /// A sidecar runs, and is not ready.
    Sidecar,
    /// A step of a Dockerfile runs.
    Build,
    /// Half of a layer has gone.
    Push,
    /// A job of the image that was made runs.
    PostBuild,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::CellStart,
        Self::Checkout,
        Self::PreBuild,
        Self::Sidecar,
        Self::Build,
        Self::Push,
        Self::PostBuild,
    ];

    fn pipeline(self) -> String {
        let rest = match self {
            Self::CellStart | Self::Checkout => "integration: {image: 'circle/busybox:1', commands: ['true']}".to_owned(),
            Self::PreBuild => format!("pre_build:\n  image: circle/busybox:1\n  commands: [\"{RESTLESS}\"]\n  outputs: [made]\nbuild: {{}}"),
            Self::Sidecar => "integration:\n  image: circle/busybox:1\n  commands: [\"echo the job began\"]\n  services:\n    db:\n      image: circle/busybox:1\n      command: [sh, -c, 'echo awake; exec sleep 600']\n      ready: {tcp: 5432, timeout: 10m}".to_owned(),
            Self::Build | Self::Push => "build: {}".to_owned(),
            Self::PostBuild => format!("build: {{}}\npost_build:\n  image: BUILT_IMAGE\n  commands: [\"{RESTLESS}\"]"),
        };
        format!("version: 1\n{rest}\n")
    }

    /// Makes a run of a Circle with taps and waits until it is there.
    ///
    /// # Errors
    /// When it does not get there in time.
    pub async fn reached(self, circle: &Circle, shop: &StoryService) -> Result<StoryRun> {
        let image = if self == Self::Build { SLOW_IMAGE } else { QUICK_IMAGE };
        shop.write("Dockerfile", image)?;
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
            Self::PreBuild | Self::Sidecar | Self::Build | Self::PostBuild => {}
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
            Self::Build => run.says("build", "at work").await?,
            Self::Push => {
                dry("a layer is on its way", || Ok(circle.taps()?.registry.is_dry())).await?;
                run.reaches("push").await?;
            }
            Self::PostBuild => run.says("post_build", "at work").await?,
        }
        Ok(run)
    }

    /// Lets everything flow again that was held to reach a moment.
    ///
    /// # Errors
    /// When the machine does not answer.
    pub fn let_go(circle: &Circle) -> Result<()> {
        circle.taps()?.git.flow_again();
        circle.taps()?.registry.flow_again();
        circle.signal_in_cells("dockerd", Signal::SIGCONT).map(drop)
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
    let mut random = vec![0; bytes];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    Ok(random)
}
