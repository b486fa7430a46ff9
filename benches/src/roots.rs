//! Cells and golden roots: taking one, starting one, keeping what it made; a second build, and one after a change, beside a
//! daemon that everybody shares and beside a fresh Docker-in-Docker container for each job.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use circle_cell::pool::{Pool, PoolConfig};
use circle_cell::process::ProcessProvider;
use circle_cell::{Cell, CellProvider, CellSpec, Promoted, Promotion, Root, RootName};
use circle_test::image;
use tokio_util::sync::CancellationToken;

use crate::cells::{docker, provider};
use crate::figures::{Report, median, ms};
use crate::memory::{mebi, resident_bytes};
use crate::peer::Host;
use crate::project::Project;

/// How often what is quick is measured.
const ROUNDS: usize = 9;
/// How often builds are compared, in turns.
const BUILDS: usize = 5;
/// The promise about a second build is one for builds that take so long at first.
const LONG: Duration = Duration::from_secs(60);
/// Roots beside each other.
const ROOTS: usize = 10;

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

/// The same build again, and one after a change of one line: of a long build, and of a real project.
async fn builds(report: &mut Report, provider: &ProcessProvider, base: &RootName) -> Result<()> {
    let long = Project::long()?;
    let shared = provider.start(&spec(Root::Kept(base.clone()))?).await?;
    let service = "service".parse()?;
    let first = first_build(report, provider, (&long, &service, shared.socket())).await?;
    ensure!(
        first >= LONG,
        "the long project was built in {first:?}: give it more files"
    );
    let (mut again, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..BUILDS {
        let cell = provider.start(&spec(Root::Kept(service.clone()))?).await?;
        let ours = long.build(cell.socket()).await?;
        cell.kill().await?;
        let theirs = long.build(shared.socket()).await?;
        ensure!(
            ours.cached == theirs.cached,
            "other steps were cached: {ours:?}, {theirs:?}"
        );
        ensure!(!ours.cached.is_empty(), "nothing was cached: {ours:?}");
        again.push(ours.took);
        by_hand.push(theirs.took);
    }
    ratio(report, "the second build", (&mut again, &mut by_hand), 1.05);
    changes(report, provider, (&long, &service, shared.socket())).await?;

    let real = Project::real().await?;
    let service = "zstd".parse()?;
    report.fact("a real project", "Zstandard's library");
    first_build(report, provider, (&real, &service, shared.socket())).await?;
    changes(report, provider, (&real, &service, shared.socket())).await?;
    shared.kill().await?;
    peer(report, &long).await
}

/// Builds a project for the first time: in a cell that becomes the service's root, and on a daemon that stays.
async fn first_build(
    report: &mut Report,
    provider: &ProcessProvider,
    (project, service, shared): (&Project, &RootName, &Path),
) -> Result<Duration> {
    let cell = provider.start(&spec(Root::Kept(RootName::base()))?).await?;
    let cold = project.build(cell.socket()).await?;
    project.build(shared).await?;
    report.fact("the first build, in a cell of the base", &ms(cold.took));
    promote(provider, cell, service, 1).await?;
    Ok(cold.took)
}

/// Changes one line after the other, and builds after each: as after every push, the next one begins from what this one made.
async fn changes(
    report: &mut Report,
    provider: &ProcessProvider,
    (project, service, shared): (&Project, &RootName, &Path),
) -> Result<()> {
    let (mut changed, mut on_laptop) = (Vec::new(), Vec::new());
    for number in 0..BUILDS {
        project.change(number)?;
        let cell = provider.start(&spec(Root::Kept(service.clone()))?).await?;
        changed.push(project.build(cell.socket()).await?.took);
        let order = u64::try_from(number)? + 2;
        promote(provider, cell, service, order).await?;
        on_laptop.push(project.build(shared).await?.took);
    }
    ratio(
        report,
        "a build after a change of one line",
        (&mut changed, &mut on_laptop),
        1.15,
    );
    Ok(())
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
    let (host, mut ready, mut built, mut idle) = (Host::start().await?, Vec::new(), Vec::new(), Vec::new());
    for _ in 0..2 {
        let start = Instant::now();
        let peer = host.job("job").await?;
        ready.push(start.elapsed());
        idle.push(peer.resident_bytes().await?);
        let start = Instant::now();
        for name in ["busybox", "toolchain"] {
            peer.load(name).await?;
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
        "… memory of an idle one (daemon, containerd)",
        &mebi(idle.iter().sum::<u64>() / idle.len() as u64),
    );
    report.fact(
        "… the second build in a new one (images loaded from a file, no cache)",
        &ms(median(&mut built)),
    );
    Ok(())
}
