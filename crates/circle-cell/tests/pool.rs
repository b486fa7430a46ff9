//! The pool: warm cells ahead of demand.

mod support;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use circle_cell::pool::{Pool, PoolConfig};
use circle_cell::{CellError, CellProvider, CellSpec, Promoted, Promotion, RootName};
use nix::sys::signal::{Signal, kill};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use support::machine::Machine;
use support::{Bench, busybox, until};
use tokio_util::sync::CancellationToken;

fn pool(bench: &Bench, warm: usize, max: usize) -> Pool {
    Pool::new(bench.provider.clone(), PoolConfig::new(warm, max, CellSpec::default()))
}

/// Sends a signal to every process of the bench's cells that is called so, and waits until all of these are in the state that it
/// brings them to.
async fn signal(bench: &Bench, name: &str, signal: Signal, reached: impl Fn(&str) -> bool) {
    let described = bench.provider.describe();
    let processes = Machine::look(&described.instance, &described.state.display().to_string()).processes;
    let is_named = |process: &&String| process.contains(name);
    let number = |process: &String| process.split(' ').next().and_then(|pid| pid.parse().ok());
    let pids: Vec<i32> = processes.iter().filter(is_named).filter_map(number).collect();
    assert!(!pids.is_empty(), "no {name} among {processes:?}");
    let daemon: Vec<i32> = processes
        .iter()
        .filter(|process| process.ends_with(" dockerd"))
        .filter_map(number)
        .collect();
    for pid in pids {
        kill(Pid::from_raw(pid), signal).expect("it lives");
    }
    until("the signal has reached the daemon", || {
        let states: Vec<String> = daemon.iter().map(|pid| state_of(*pid)).collect();
        (states.iter().all(|state| reached(state)), states)
    })
    .await;
}

/// The state of a process as the kernel has it, one letter (proc(5)); nothing when it is gone.
fn state_of(pid: i32) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind_name = stat.rsplit(") ").next().unwrap_or_default();
    behind_name.chars().take(1).collect()
}

#[tokio::test]
async fn a_warm_cell_is_taken_at_once_and_replaced() {
    let bench = Bench::new();
    let described = bench.provider.describe();
    let look = || Machine::look(&described.instance, &described.state.display().to_string());
    let before = look();
    let pool = pool(&bench, 1, 2);
    until("one cell is warm", || (pool.counters().ready == 1, pool.counters())).await;
    let never = CancellationToken::new();
    let first = pool.take(&never).await.expect("a cell");
    assert!(first.stood_ready(), "it waited for a start");
    until("its replacement is warm", || {
        (pool.counters().ready == 1, pool.counters())
    })
    .await;

    let second = pool.take(&never).await.expect("a cell");
    assert_ne!(first.id(), second.id());
    let cancel = CancellationToken::new();
    let third = pool.take(&cancel);
    tokio::pin!(third);
    assert!(
        tokio::time::timeout(Duration::from_millis(50), &mut third)
            .await
            .is_err(),
        "more than max were given out"
    );
    cancel.cancel();
    assert!(matches!(third.await, Err(CellError::Cancelled)));

    let (killed, next) = tokio::join!(first.kill(), pool.take(&never));
    killed.expect("nothing is left");
    let next = next.expect("the place is free again");
    assert_eq!(pool.counters().in_use, 2);
    pool.shutdown().await;
    assert!(matches!(pool.take(&never).await, Err(CellError::PoolClosed)));
    next.died().await;
    drop((second, next));
    bench.provider.settled().await;
    assert_eq!(look(), before);
}

/// What the kernel was told of each cell's part of the processors: `cpu.shares` of cgroup 1, or `cpu.weight` of cgroup 2.
fn shares(bench: &Bench) -> Vec<(String, u32)> {
    let folders = ["/sys/fs/cgroup/cpu/circle", "/sys/fs/cgroup/circle"];
    let cells = folders.iter().flat_map(std::fs::read_dir).flatten().flatten();
    let instance = bench.provider.describe().instance;
    let share = |cell: std::fs::DirEntry| {
        let name = cell.file_name().into_string().ok()?;
        let read = |file: &str| std::fs::read_to_string(cell.path().join(file)).ok();
        let share = read("cpu.shares").or_else(|| read("cpu.weight"))?;
        name.starts_with(&instance)
            .then_some((name, share.trim().parse().ok()?))
    };
    cells.filter_map(share).collect()
}

#[tokio::test]
async fn a_cell_that_nobody_waits_for_has_a_tenth_of_the_share_of_one_in_use() {
    let bench = Bench::new();
    let pool = pool(&bench, 1, 2);
    until("one cell is warm", || (pool.counters().ready == 1, pool.counters())).await;
    let ahead = shares(&bench);
    assert_eq!(ahead.len(), 1, "{ahead:?}");
    let cell = pool.take(&CancellationToken::new()).await.expect("a cell");
    until("its replacement is warm", || {
        (pool.counters().ready == 1, pool.counters())
    })
    .await;
    let now = shares(&bench);
    let share_of = |id: &str| now.iter().find(|(name, _)| name == id).map(|(_, share)| *share);
    let small = ahead[0].1;
    let whole = share_of(cell.id().as_str()).expect("it is there");
    assert_eq!(whole / 10, small, "{now:?}");
    let others = now.iter().filter(|(name, _)| name != cell.id().as_str());
    assert_eq!(others.map(|(_, share)| *share).collect::<Vec<_>>(), [small], "{now:?}");
    cell.kill().await.expect("nothing is left");
    pool.shutdown().await;

    let pool = self::pool(&bench, 0, 1);
    let cell = pool.take(&CancellationToken::new()).await.expect("a cell");
    let asked_for = shares(&bench);
    assert_eq!(
        asked_for,
        [(cell.id().to_string(), whole)],
        "nobody starts slowly for a taker"
    );
    cell.kill().await.expect("nothing is left");
    pool.shutdown().await;
    bench.provider.settled().await;
}

#[tokio::test]
async fn a_cell_that_died_while_it_was_warm_is_not_given_out() {
    let bench = Bench::new();
    let pool = pool(&bench, 1, 1);
    until("one cell is warm", || (pool.counters().ready == 1, pool.counters())).await;
    signal(&bench, "circle-cell-ini", Signal::SIGKILL, |state| {
        state.is_empty() || state == "Z"
    })
    .await;
    let cell = pool.take(&CancellationToken::new()).await.expect("another cell");
    cell.health().await.expect("it lives");
    assert_eq!(
        (pool.counters().died_ready, pool.counters().started >= 2),
        (1, true),
        "{:?}",
        pool.counters()
    );
    cell.kill().await.expect("nothing is left");
    pool.shutdown().await;
}

#[tokio::test]
async fn a_warm_cell_whose_daemon_does_not_answer_is_not_given_out() {
    let bench = Bench::new();
    let pool = pool(&bench, 1, 1);
    until("one cell is warm", || (pool.counters().ready == 1, pool.counters())).await;
    signal(&bench, "dockerd", Signal::SIGSTOP, |state| state == "T").await;
    let cell = pool.take(&CancellationToken::new()).await.expect("another cell");
    cell.health().await.expect("it answers");
    assert_eq!(pool.counters().died_ready, 1, "{:?}", pool.counters());
    cell.kill().await.expect("nothing is left");
    pool.shutdown().await;
    bench.provider.settled().await;
}

#[tokio::test]
async fn without_warm_cells_each_is_started_when_it_is_asked_for() {
    let bench = Bench::new();
    let pool = Arc::new(pool(&bench, 0, 1));
    let cell = pool.take(&CancellationToken::new()).await.expect("a cell");
    assert_eq!((pool.counters().taken_cold, pool.counters().ready), (1, 0));
    cell.kill().await.expect("nothing is left");
    pool.shutdown().await;
}

#[tokio::test]
async fn a_root_that_is_expected_has_a_cell_before_its_run_comes_and_none_when_it_does_not() {
    let bench = Bench::new();
    let name: RootName = "service".parse().expect("a name");
    let cell = bench.provider.start(&CellSpec::default()).await.expect("a cell");
    let wish = Promotion {
        name: name.clone(),
        order: 1,
        label: "a service".to_owned(),
        note: String::new(),
        caches: Vec::new(),
    };
    let promoted = bench.provider.promote(cell, wish).await.expect("promoted");
    assert!(matches!(promoted, Promoted::Yes(_)), "{promoted:?}");
    let prepared_for = |seconds| PoolConfig {
        prepared: Duration::from_secs(seconds),
        ..PoolConfig::new(0, 2, CellSpec::default())
    };
    let pool = Pool::new(bench.provider.clone(), prepared_for(600));
    let wishes = [name.clone()];
    pool.expect(&wishes).await;
    until("the expected cell stands ready", || {
        (pool.ready_roots().len() == 1, pool.ready_roots())
    })
    .await;
    let cell = pool.take_of(&wishes, &CancellationToken::new()).await.expect("a cell");
    assert!(cell.stood_ready(), "its run did not get it");
    assert_eq!(cell.root().map(|stamp| &stamp.name), Some(&name));
    cell.kill().await.expect("nothing is left");
    pool.shutdown().await;

    let pool = Pool::new(bench.provider.clone(), prepared_for(12));
    pool.expect(&wishes).await;
    until("another one stands ready", || {
        (pool.counters().ready == 1, pool.counters())
    })
    .await;
    until("nobody came, and it is gone", || {
        (pool.counters().ready == 0, pool.counters())
    })
    .await;
    pool.shutdown().await;
    bench.provider.settled().await;
}

/// An archive that is a pipe: the start waits in it until the test says something.
#[tokio::test]
async fn a_start_ahead_that_fails_is_not_the_error_of_who_began_to_wait_meanwhile() {
    let bench = Bench::new();
    let folder = tempfile::tempdir().expect("a folder");
    let archive = folder.path().join("image.tar");
    mkfifo(&archive, Mode::S_IRWXU).expect("a pipe");
    let spec = CellSpec {
        images: vec![archive.clone()],
        ..CellSpec::default()
    };
    let pool = Pool::new(bench.provider.clone(), PoolConfig::new(1, 1, spec));
    let pipe = archive.clone();
    let opened = tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(pipe));
    let mut pipe = opened.await.expect("no panic").expect("the start reads");
    let good = folder.path().join("good.tar");
    std::fs::copy(busybox(), &good).expect("copied");
    std::fs::rename(good, &archive).expect("from now on it is whole");

    let never = CancellationToken::new();
    let spoil = async {
        until("it waits", || (pool.counters().waiting == 1, pool.counters())).await;
        pipe.write_all(b"no archive").expect("written");
        drop(pipe);
    };
    let (cell, ()) = tokio::join!(pool.take(&never), spoil);
    let cell = cell.expect("a cell of a second start");
    assert_eq!(pool.counters().failed, 1, "{:?}", pool.counters());
    cell.kill().await.expect("nothing is left");
    pool.shutdown().await;
    bench.provider.settled().await;
}

#[tokio::test]
async fn a_start_that_fails_is_the_takers_error() {
    let bench = Bench::new();
    let spec = CellSpec {
        images: vec!["/no/such/image.tar".into()],
        ..CellSpec::default()
    };
    let pool = Pool::new(bench.provider.clone(), PoolConfig::new(0, 1, spec));
    let error = pool.take(&CancellationToken::new()).await.expect_err("no cell");
    assert!(error.to_string().contains("/no/such/image.tar"), "{error}");
    assert_eq!(pool.counters().failed, 1);
    assert!(
        pool.counters()
            .last_failure
            .is_some_and(|failure| failure.contains("image.tar"))
    );
    pool.shutdown().await;
    bench.provider.settled().await;
}
