//! Cells and golden roots: taking one, starting one, keeping what it made; a second build, and one after a change, beside a
//! daemon that everybody shares and beside a fresh Docker-in-Docker container for each job.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use circle_cell::pool::{Pool, PoolConfig};
use circle_cell::process::ProcessProvider;
use circle_cell::{Cell, CellProvider, CellSpec, Promoted, Promotion, Root, RootName};
use circle_test::image;
use tempfile::TempDir;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use crate::cells::{docker, provider};
use crate::figures::{Report, median, ms};
use crate::peer::Host;

/// How often what is quick is measured.
const ROUNDS: usize = 9;
/// How often builds are compared, in turns.
const BUILDS: usize = 5;
/// Roots beside each other.
const ROOTS: usize = 10;
/// Files of the compiled project, and functions in each: about a minute of compiling on two cores.
const FILES: usize = 110;
const FUNCTIONS: usize = 250;
/// The objects of the last build are taken up, as on a developer's machine.
const DOCKERFILE: &str = "FROM circle/toolchain:1\nWORKDIR /src\nCOPY . .\n\
    RUN --mount=type=cache,target=/objects make -j2 OUT=/objects && cp /objects/program /program\nRUN /program\n";
/// One object for each file, one program of all.
const MAKEFILE: &str = "SOURCES := $(wildcard *.c)\nOBJECTS := $(SOURCES:%.c=$(OUT)/%.o)\n\
    $(OUT)/program: $(OBJECTS)\n\tmusl-gcc -static -o $@ $^\n$(OUT)/%.o: %.c\n\tmusl-gcc -O2 -c -o $@ $<\n";

/// Prints all of it.
pub(crate) async fn measure(report: &mut Report) -> Result<()> {
    let folder = tempfile::tempdir_in("/var/tmp")?;
    let provider = Arc::new(provider(folder.path())?);
    report.fact("cells are stored as", provider.storage().await?.kind);
    let base = RootName::base();
    let first = provider.start(&spec(Root::Plain)?).await?;
    promote(&provider, first, &base, 1).await?;
    taking(report, &provider, &base).await?;
    keeping(report, &provider, &base).await?;
    builds(report, &provider, &base).await?;
    provider.settled().await;
    Ok(())
}

/// Everything that a build needs is in the base.
fn spec(root: Root) -> Result<CellSpec> {
    let images = match root {
        Root::Plain => vec![image("busybox")?, image("toolchain")?],
        Root::Kept(_) => Vec::new(),
    };
    Ok(CellSpec {
        root,
        images,
        ..CellSpec::default()
    })
}

async fn promote(provider: &ProcessProvider, cell: Cell, name: &RootName, order: u64) -> Result<Duration> {
    let start = Instant::now();
    let wish = Promotion {
        name: name.clone(),
        order,
        label: name.as_str().to_owned(),
        note: String::new(),
        caches: Vec::new(),
    };
    match provider.promote(cell, wish).await? {
        Promoted::Yes(_) => Ok(start.elapsed()),
        Promoted::No(why) => bail!("the root was not kept: {why:?}"),
    }
}

/// A warm cell, a cold one, and what one costs that nobody uses.
async fn taking(report: &mut Report, provider: &Arc<ProcessProvider>, base: &RootName) -> Result<()> {
    let never = CancellationToken::new();
    let of_base = spec(Root::Kept(base.clone()))?;
    let pool = Pool::new(provider.clone(), PoolConfig::new(1, 2, of_base.clone()));
    let mut warm = Vec::new();
    while warm.len() < ROUNDS {
        let start = Instant::now();
        let cell = pool.take(&never).await?;
        if cell.stood_ready() {
            warm.push(start.elapsed());
        }
        cell.kill().await?;
        while pool.counters().ready == 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    pool.shutdown().await;
    report.fact("a warm cell is taken, p50", &ms(median(&mut warm)));
    let (mut cold, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let cell = provider.start(&of_base).await?;
        cold.push(start.elapsed());
        idle.push(resident_bytes(cell.id().as_str())?);
        cell.kill().await?;
    }
    report.fact("a cold cell of the base starts, p50", &ms(median(&mut cold)));
    idle.sort_unstable();
    report.fact(
        "memory of an idle cell (daemon, containerd, init)",
        &mebi(idle[idle.len() / 2]),
    );
    Ok(())
}

/// Promotions, and ten roots that share a base.
async fn keeping(report: &mut Report, provider: &ProcessProvider, base: &RootName) -> Result<()> {
    let mut times = Vec::new();
    for number in 0..ROOTS {
        let cell = provider.start(&spec(Root::Kept(base.clone()))?).await?;
        let own = format!("head -c 5m /dev/urandom > /own-{number}");
        docker(
            cell.socket(),
            &["run", "--name", "own", "circle/busybox:1", "sh", "-c", &own],
        )
        .await?;
        docker(cell.socket(), &["commit", "own", &format!("own:{number}")]).await?;
        times.push(promote(provider, cell, &format!("own_{number}").parse()?, 1).await?);
    }
    report.fact(
        "a cell becomes a root (daemon's end included), p50",
        &ms(median(&mut times)),
    );
    let roots = provider.roots().await?;
    let all: u64 = roots.iter().map(|root| root.total_bytes).sum();
    let shared = roots
        .iter()
        .find(|root| root.stamp.name == *base)
        .context("the base")?
        .total_bytes;
    let own: u64 = roots
        .iter()
        .filter(|root| root.stamp.name != *base)
        .map(|root| root.own_bytes)
        .sum();
    report.fact("ten roots that share a base, if each were whole", &mebi(all - shared));
    report.row(
        "… what they take beside the base (5 MiB each are their own)",
        &mebi(own),
        "≤ 0.2 of that",
        own * 5 <= all - shared,
    );
    for number in 0..ROOTS {
        provider.forget_root(&format!("own_{number}").parse()?).await?;
    }
    Ok(())
}

/// The same build again, and one after a change of one line.
async fn builds(report: &mut Report, provider: &ProcessProvider, base: &RootName) -> Result<()> {
    let service: RootName = "service".parse()?;
    let project = Project::new()?;
    let shared = provider.start(&spec(Root::Kept(base.clone()))?).await?;
    let first = provider.start(&spec(Root::Kept(base.clone()))?).await?;
    let cold = project.build(first.socket()).await?;
    project.build(shared.socket()).await?;
    report.fact("the first build, in a cell of the base", &ms(cold.took));
    promote(provider, first, &service, 1).await?;

    let of_service = spec(Root::Kept(service.clone()))?;
    let (mut again, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..BUILDS {
        let cell = provider.start(&of_service).await?;
        let ours = project.build(cell.socket()).await?;
        cell.kill().await?;
        let theirs = project.build(shared.socket()).await?;
        ensure!(
            ours.cached == theirs.cached,
            "other steps were cached: {ours:?}, {theirs:?}"
        );
        again.push(ours.took);
        by_hand.push(theirs.took);
    }
    ratio(report, "the second build", (&mut again, &mut by_hand), 1.05);

    let (mut changed, mut on_laptop) = (Vec::new(), Vec::new());
    for number in 0..BUILDS {
        project.change(number)?;
        let cell = provider.start(&of_service).await?;
        changed.push(project.build(cell.socket()).await?.took);
        // As after every push: the next one begins from what this one made.
        let order = u64::try_from(number)? + 2;
        promote(provider, cell, &service, order).await?;
        on_laptop.push(project.build(shared.socket()).await?.took);
    }
    ratio(
        report,
        "a build after a change of one line",
        (&mut changed, &mut on_laptop),
        1.15,
    );
    shared.kill().await?;
    peer(report, &project).await
}

fn ratio(report: &mut Report, what: &str, (ours, theirs): (&mut [Duration], &mut [Duration]), most: f64) {
    let (ours, theirs) = (median(ours), median(theirs));
    let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
    report.fact(
        &format!("{what}, shared daemon that built it before, docker CLI"),
        &ms(theirs),
    );
    report.fact("… in a fresh cell of the service's root", &ms(ours));
    report.row(
        "… ratio",
        &format!("{ratio:.2} ×"),
        &format!("≤ {most} ×"),
        ratio <= most,
    );
}

/// What a job gets from a wiped Docker-in-Docker container.
async fn peer(report: &mut Report, project: &Project) -> Result<()> {
    let (host, mut ready, mut built) = (Host::start().await?, Vec::new(), Vec::new());
    for _ in 0..2 {
        let start = Instant::now();
        let peer = host.job().await?;
        ready.push(start.elapsed());
        let start = Instant::now();
        for name in ["busybox", "toolchain"] {
            let tar = image(name)?;
            docker(
                peer.socket(),
                &["load", "--quiet", "--input", &tar.display().to_string()],
            )
            .await?;
        }
        project.build(peer.socket()).await?;
        built.push(start.elapsed());
        peer.stop().await?;
    }
    report.fact(
        "peer's way: a Docker-in-Docker container is ready",
        &ms(median(&mut ready)),
    );
    report.fact(
        "… the second build in a new one (images loaded from a file, no cache)",
        &ms(median(&mut built)),
    );
    Ok(())
}

/// A project that compiles for about a minute.
struct Project {
    folder: TempDir,
}

/// One build.
#[derive(Debug)]
struct Built {
    took: Duration,
    /// Steps that were cached.
    cached: usize,
}

impl Project {
    fn new() -> Result<Self> {
        let folder = tempfile::tempdir_in("/var/tmp")?;
        std::fs::write(folder.path().join("Dockerfile"), DOCKERFILE)?;
        std::fs::write(folder.path().join("Makefile"), MAKEFILE)?;
        let this = Self { folder };
        for number in 0..FILES {
            std::fs::write(this.source(number), source(number, 0)?)?;
        }
        std::fs::write(this.folder.path().join("main.c"), "int main(void) { return 0; }\n")?;
        Ok(this)
    }

    fn source(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("part{number}.c"))
    }

    fn change(&self, number: usize) -> Result<()> {
        Ok(std::fs::write(self.source(number), source(number, 1)?)?)
    }

    async fn build(&self, socket: &Path) -> Result<Built> {
        let start = Instant::now();
        let output = Command::new("/usr/bin/docker")
            .env("DOCKER_BUILDKIT", "1")
            .arg("--host")
            .arg(format!("unix://{}", socket.display()))
            .args(["build", "--progress=plain", "--tag", "project", "."])
            .current_dir(self.folder.path())
            .output()
            .await?;
        let took = start.elapsed();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "the project could not be built: {said}");
        Ok(Built {
            took,
            cached: said.lines().filter(|line| line.ends_with("CACHED")).count(),
        })
    }
}

/// Loops that a compiler looks at for a while; `seed` tells two versions of a file apart.
fn source(number: usize, seed: usize) -> Result<String> {
    let mut text = String::new();
    for function in 0..FUNCTIONS {
        writeln!(
            text,
            "int f{number}_{function}(int *a, int n) {{ int s = {seed}; for (int i = 0; i < n; i++) \
             for (int j = i; j < n; j += {}) s += a[i] * a[j] ^ (s >> {}); return s; }}",
            function % 7 + 1,
            function % 5 + 1
        )?;
    }
    Ok(text)
}

/// What the processes of a cell have in memory, each page counted once.
fn resident_bytes(cell: &str) -> Result<u64> {
    let mut bytes = 0;
    // tidy-ok: a measurement only reads which processes a cell has.
    let mut groups = vec![PathBuf::from("/sys/fs/cgroup")];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(group) = groups.pop() {
        for entry in std::fs::read_dir(&group)?
            .flatten()
            .filter(|entry| entry.path().is_dir())
        {
            groups.push(entry.path());
        }
        if !group.components().any(|part| part.as_os_str() == cell) {
            continue;
        }
        let pids = std::fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
        for pid in pids.lines().filter(|pid| seen.insert((*pid).to_owned())) {
            let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
            let kibi: u64 = line
                .and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok())
                .unwrap_or(0);
            bytes += kibi * 1024;
        }
    }
    Ok(bytes)
}

fn mebi(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / 1_048_576.0)
}
