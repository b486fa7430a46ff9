//! How cells die and what is left: nothing (security 28, 29, 32; the debris audit of the design).

mod support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use circle_cell::process::ProcessProvider;
use circle_cell::{CellProvider, CellSpec, Limits};
use support::machine::Machine;
use support::{Bench, busybox, config, docker, docker_ok, until};
use tokio::io::{AsyncBufReadExt, BufReader};

/// What the process that is to be killed gets its state folder in.
const STATE: &str = "CIRCLE_CELL_TEST_STATE";

/// Writers wait for a disk that others use as well; how quick a death is, the benchmark says.
const DEATH_LIMIT: Duration = Duration::from_secs(20);

#[tokio::test]
async fn sec_28_a_job_that_takes_too_much_memory_dies_alone() {
    let bench = Bench::new();
    let limits = Limits {
        memory_bytes: Some(128 << 20),
        ..Limits::default()
    };
    let cell = bench
        .start_with(CellSpec {
            limits,
            ..CellSpec::default()
        })
        .await;
    let beside = docker_ok(&cell, &["run", "-d", "busybox:test", "sleep", "600"]).await;
    let glutton = docker(
        &cell,
        &[
            "run",
            "--rm",
            "busybox:test",
            "sh",
            "-c",
            "head -c 400m /dev/zero | tail -c 390m >/dev/null",
        ],
    )
    .await;
    assert!(!glutton.status.success(), "400 MB fitted into 128: {glutton:?}");
    cell.health().await.expect("the daemon lives on");
    let hit = cell.bounds_hit();
    assert!(hit.memory > 0 && hit.pids == 0, "the bound is named: {hit:?}");
    assert_eq!(hit, cell.bounds_hit(), "asking twice counts once");
    assert_eq!(
        docker_ok(&cell, &["inspect", "-f", "{{.State.Running}}", &beside]).await,
        "true"
    );
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn sec_28_a_fork_bomb_is_bounded_and_the_daemon_lives() {
    let bench = Bench::new();
    let limits = Limits {
        pids: Some(60),
        ..Limits::default()
    };
    let cell = bench
        .start_with(CellSpec {
            limits,
            ..CellSpec::default()
        })
        .await;
    docker_ok(
        &cell,
        &[
            "run",
            "-d",
            "busybox:test",
            "sh",
            "-c",
            "bomb() { bomb | bomb & }; bomb; sleep 600",
        ],
    )
    .await;
    let file = format!("/sys/fs/cgroup/pids/circle/{}/jobs/pids.current", cell.id());
    let file = if std::path::Path::new(&file).exists() {
        file
    } else {
        format!("/sys/fs/cgroup/circle/{}/jobs/pids.current", cell.id())
    };
    let mut most = 0;
    let watched = Instant::now();
    until("the bomb has had its time", || {
        let now: usize = std::fs::read_to_string(&file)
            .ok()
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(0);
        most = most.max(now);
        (watched.elapsed() > Duration::from_millis(1500) || most >= 60, now)
    })
    .await;
    // A refused fork is counted for a moment, on each processor.
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    assert!(most <= 60 + processors, "{most} processes");
    until("the bound is named", || (cell.bounds_hit().pids > 0, cell.bounds_hit())).await;
    cell.health().await.expect("the daemon lives on");
    let killed = cell.kill().await.expect("nothing is left");
    assert!(killed.dead_in < DEATH_LIMIT, "{killed:?}");
}

#[tokio::test]
async fn sec_29_a_kill_ends_detached_children_at_once() {
    let bench = Bench::new();
    let described = bench.provider.describe();
    let look = || Machine::look(&described.instance, &described.state.display().to_string());
    let before = look();
    let mut deaths = Vec::new();
    for round in 0..4 {
        let cell = bench.start().await;
        let script = "setsid sh -c 'trap \"\" TERM HUP INT; while :; do dd if=/dev/zero of=/tmp/f bs=4k count=64 conv=fsync 2>/dev/null; done' & sleep 600";
        for _ in 0..3 {
            docker_ok(&cell, &["run", "-d", "busybox:test", "sh", "-c", script]).await;
        }
        assert!(!look().processes.is_empty(), "the audit sees running containers");
        if round % 3 == 2 {
            let killer = cell.killer();
            drop(cell);
            deaths.push(killer.kill().await);
        } else {
            deaths.push(cell.kill().await.expect("nothing is left").dead_in);
        }
    }
    bench.provider.settled().await;
    assert_eq!(look(), before);
    deaths.sort();
    eprintln!("from order to death, with three fsync writers: {deaths:?}");
    assert!(deaths[deaths.len() - 1] < DEATH_LIMIT, "{deaths:?}");
}

#[tokio::test]
async fn sec_32_a_killed_daemon_ends_its_cell_and_nothing_is_left() {
    let bench = Bench::new();
    let described = bench.provider.describe();
    let look = || Machine::look(&described.instance, &described.state.display().to_string());
    let before = look();
    let cell = bench.start().await;
    docker_ok(&cell, &["run", "-d", "busybox:test", "sleep", "600"]).await;
    let daemon = look()
        .processes
        .into_iter()
        .find(|process| process.ends_with(" dockerd"))
        .expect("a daemon runs");
    let pid = daemon.split(' ').next().expect("a number").parse().expect("a number");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL)
        .expect("the daemon is killed");
    let death = tokio::time::timeout(Duration::from_secs(10), cell.died())
        .await
        .expect("the death is noticed");
    assert!(death.reason.contains("daemon ended by signal 9"), "{}", death.reason);
    assert!(cell.health().await.is_err(), "a dead cell is not healthy");
    cell.kill().await.expect("nothing is left");
    assert_eq!(look(), before);
}

#[tokio::test]
async fn sec_32_a_killed_containerd_ends_its_cell_and_nothing_is_left() {
    let bench = Bench::new();
    let described = bench.provider.describe();
    let look = || Machine::look(&described.instance, &described.state.display().to_string());
    let before = look();
    let cell = bench.start().await;
    docker_ok(&cell, &["run", "-d", "busybox:test", "sleep", "600"]).await;
    let processes = look().processes;
    let containerd = processes.iter().find_map(|process| process.strip_suffix(" containerd"));
    let pid = containerd.expect("a containerd runs").parse().expect("a number");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL)
        .expect("containerd is killed");
    let death = tokio::time::timeout(Duration::from_secs(10), cell.died())
        .await
        .expect("the death is noticed");
    assert!(death.reason.contains("its containerd ended"), "{}", death.reason);
    cell.kill().await.expect("nothing is left");
    assert_eq!(look(), before);
}

#[tokio::test]
async fn a_start_that_fails_quotes_the_reason_and_leaves_nothing() {
    let bench = Bench::new();
    let described = bench.provider.describe();
    let look = || Machine::look(&described.instance, &described.state.display().to_string());
    let before = look();
    let wrong = CellSpec {
        insecure_registries: vec!["not a registry/%%".to_owned()],
        ..CellSpec::default()
    };
    let error = bench
        .provider
        .start(&wrong)
        .await
        .expect_err("a daemon with a wrong setting");
    assert!(error.to_string().contains("insecure registry"), "{error}");
    let missing = CellSpec {
        images: vec!["/no/such/image.tar".into()],
        ..CellSpec::default()
    };
    let error = bench
        .provider
        .start(&missing)
        .await
        .expect_err("an image that is not there");
    assert!(error.to_string().contains("/no/such/image.tar"), "{error}");
    let started = tokio::time::timeout(Duration::from_millis(100), bench.provider.start(&CellSpec::default())).await;
    assert!(started.is_err(), "a start within 100 ms was given up");
    bench.provider.settled().await;
    assert_eq!(look(), before);
}

#[tokio::test]
async fn a_killed_worker_takes_its_cells_along_and_the_next_one_sweeps() {
    let folder = tempfile::Builder::new().prefix("cc").tempdir().expect("a folder");
    let mut worker = tokio::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "two_cells_live_side_by_side", "--nocapture"])
        .env(STATE, folder.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("a second process");
    let mut lines = BufReader::new(worker.stdout.take().expect("an output")).lines();
    let instance = loop {
        let line = tokio::time::timeout(Duration::from_secs(60), lines.next_line())
            .await
            .expect("it starts cells");
        let line = line.expect("text").expect("it goes on");
        if let Some((_, instance)) = line.split_once("holding cells of ") {
            break instance.to_owned();
        }
    };
    let state = folder.path().display().to_string();
    let look = || Machine::look(&instance, &state);
    assert!(look().processes.len() > 4, "two cells run: {:?}", look());
    let owned = ProcessProvider::open(config(folder.path())).expect_err("the folder is taken");
    assert!(
        owned.to_string().contains("belongs to another running Circle worker"),
        "{owned}"
    );

    worker.kill().await.expect("the worker is killed with -9");
    until("the kernel has killed every process of the cells", || {
        (look().processes.is_empty(), look().processes)
    })
    .await;
    let left = look();
    assert!(
        !left.cgroups.is_empty() && !left.rules.is_empty(),
        "a crash leaves something to sweep: {left:?}"
    );

    let next = ProcessProvider::open(config(folder.path())).expect("the next worker");
    let swept = next.sweep().await.expect("a sweep");
    assert_eq!(swept.of("folder").len(), 2, "{swept:?}");
    assert_eq!(look(), Machine::default());
    assert!(
        next.sweep().await.expect("a second sweep").is_empty(),
        "a sweep of nothing"
    );
}

/// In a test run it is what it says; under the test above it is the worker that is killed.
#[tokio::test]
async fn two_cells_live_side_by_side() {
    let Some(folder) = std::env::var_os(STATE) else {
        let bench = Bench::new();
        let spec = CellSpec::default();
        let (first, second) = tokio::join!(bench.provider.start(&spec), bench.provider.start(&spec));
        let (first, second) = (first.expect("a cell"), second.expect("a cell"));
        assert_ne!((first.id(), first.address()), (second.id(), second.address()));
        let swept = bench.provider.sweep().await.expect("a sweep beside living cells");
        assert!(swept.is_empty(), "a sweep touched living cells: {swept:?}");
        first.kill().await.expect("nothing is left");
        second.health().await.expect("the other lives on");
        second.kill().await.expect("nothing is left");
        return;
    };
    let provider = ProcessProvider::open(config(std::path::Path::new(&folder))).expect("a provider");
    let spec = CellSpec {
        images: vec![busybox()],
        ..CellSpec::default()
    };
    let first = provider.start(&spec).await.expect("a cell");
    let second = provider.start(&spec).await.expect("a cell");
    docker_ok(&first, &["run", "-d", "busybox:test", "sleep", "600"]).await;
    println!("holding cells of {}", provider.describe().instance);
    second.died().await;
}
