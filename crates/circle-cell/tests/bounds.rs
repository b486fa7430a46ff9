//! Bounds of a cell (security 28): what passes one dies alone, and a neighbour notices nothing.

mod support;

use std::path::Path;
use std::time::Duration;

use circle_cell::process::{ProcessConfig, ProcessProvider};
use circle_cell::{Cell, CellProvider, CellSpec, Limits, StorageChoice};
use support::roots::build;
use support::{Bench, busybox, config, docker, docker_ok, may_raise_limits, until};

#[tokio::test]
async fn sec_28_open_files_are_bounded_in_containers_and_builds_and_nobody_raises_them() {
    let bench = Bench::new();
    let limits = Limits {
        open_files: Some(256),
        ..Limits::default()
    };
    let cell = bench
        .start_with(CellSpec {
            limits,
            ..CellSpec::default()
        })
        .await;
    let neighbour = bench.start().await;
    let greedy = "ulimit -n; ulimit -n 4096 && echo RAISED; i=10; while eval \"exec $i</dev/null\"; do i=$((i+1)); done; echo held $i";
    let told = docker(&cell, &["run", "--rm", "busybox:test", "sh", "-c", greedy]).await;
    let said = String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr);
    assert!(said.starts_with("256\n") && !said.contains("RAISED"), "{said}");
    assert!(
        said.to_lowercase().contains("too many open files") || said.contains("Bad file descriptor"),
        "{said}"
    );
    let given = docker(
        &cell,
        &["run", "--rm", "--ulimit", "nofile=4096:4096", "busybox:test", "true"],
    )
    .await;
    // With the capability the engine raises it; a job reaches the engine through the worker's filter, which raises nothing.
    assert!(
        may_raise_limits() || !given.status.success(),
        "a container got more open files than its cell: {given:?}"
    );
    let folder = tempfile::tempdir().expect("a folder");
    let said = build(
        &cell,
        folder.path(),
        "FROM busybox:test\nRUN echo at most $(ulimit -n)\n",
    )
    .await;
    assert!(said.contains("at most 256"), "{said}");
    cell.health().await.expect("the daemon lives on");
    assert_ne!(
        docker_ok(&neighbour, &["run", "--rm", "busybox:test", "sh", "-c", "ulimit -n"]).await,
        "256"
    );
    for cell in [cell, neighbour] {
        cell.kill().await.expect("nothing is left");
    }
}

#[tokio::test]
async fn sec_28_processor_time_is_bounded() {
    let bench = Bench::new();
    let limits = Limits {
        cpu_millis: Some(500),
        ..Limits::default()
    };
    let busy = bench
        .start_with(CellSpec {
            limits,
            ..CellSpec::default()
        })
        .await;
    let used = "for i in 1 2 3 4; do (while :; do :; done) & done; begun=$(cut -d' ' -f1 /proc/uptime); sleep 3; \
        cat /proc/[0-9]*/stat | awk '{t += $14 + $15} END {print t}'; echo $begun; cut -d' ' -f1 /proc/uptime; kill $(jobs -p)";
    let told = docker_ok(&busy, &["run", "--rm", "busybox:test", "sh", "-c", used]).await;
    let numbers: Vec<f64> = told.lines().filter_map(|line| line.parse().ok()).collect();
    let [ticks, begun, ended] = numbers[..] else {
        panic!("{told}")
    };
    // Four loops could use two processors.
    let processors = ticks / 100.0 / (ended - begun);
    assert!(
        processors < 0.7,
        "{processors:.2} processors at a bound of one half: {told}"
    );
    busy.health().await.expect("the daemon lives on");
    busy.kill().await.expect("nothing is left");
}

/// Sixteen loops against two: without a share for each cell the two would get a ninth.
#[tokio::test]
async fn sec_28_a_busy_cell_starves_no_neighbour() {
    let bench = Bench::new();
    let (busy, neighbour) = tokio::join!(bench.start(), bench.start());
    for (cell, loops) in [(&busy, 16), (&neighbour, 2)] {
        let work = format!("for number in $(seq {loops}); do (while :; do :; done) & done; wait");
        docker_ok(
            cell,
            &["run", "-d", "--name", "work", "busybox:test", "sh", "-c", &work],
        )
        .await;
    }
    let before = (processor_ticks(&busy).await, processor_ticks(&neighbour).await);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let after = (processor_ticks(&busy).await, processor_ticks(&neighbour).await);
    let part = (after.1 - before.1) / (after.0 - before.0);
    assert!(
        part > 0.4,
        "the neighbour got {part:.2} of what the busy cell got: {before:?}, {after:?}"
    );
    for cell in [busy, neighbour] {
        cell.kill().await.expect("nothing is left");
    }
}

/// Hundredths of a second of processor time that the container `work` has used so far.
async fn processor_ticks(cell: &Cell) -> f64 {
    let sum = "cat /proc/[0-9]*/stat | awk '{t += $14 + $15} END {print t}'";
    let ticks = docker_ok(cell, &["exec", "work", "sh", "-c", sum]).await;
    ticks.parse().expect("a number")
}

#[tokio::test]
async fn sec_28_what_a_job_makes_its_daemon_do_is_bounded_too() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let group = format!("/{}/daemon", cell.id());
    let daemon = std::fs::read_dir("/proc")
        .expect("processes")
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cgroup")).ok())
        .find(|groups| groups.lines().any(|line| line.ends_with(&group)));
    let daemon = daemon.expect("the daemon has a group of its own");
    let bound = |controller: &str, one: &str, two: &str| {
        let number = |file: String| std::fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
        daemon.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            match (parts.next()?, parts.next()?) {
                ("", path) => number(format!("/sys/fs/cgroup{path}/{two}")),
                (names, path) if names.split(',').any(|name| name == controller) => {
                    number(format!("/sys/fs/cgroup/{controller}{path}/{one}"))
                }
                _ => None,
            }
        })
    };
    assert_eq!(
        bound("memory", "memory.limit_in_bytes", "memory.max"),
        Some(2 << 30),
        "{daemon}"
    );
    assert_eq!(bound("pids", "pids.max", "pids.max"), Some(4096), "{daemon}");
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn sec_28_a_container_that_passes_its_own_memory_dies_alone_and_is_told_from_the_cells_bound() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let eats = "head -c 200m /dev/zero | tail -c 190m >/dev/null; echo $?; sleep 600";
    let eater = docker_ok(
        &cell,
        &[
            "run",
            "-d",
            "-m",
            "64m",
            "--memory-swap",
            "64m",
            "busybox:test",
            "sh",
            "-c",
            eats,
        ],
    )
    .await;
    until("the kill is counted", || {
        (cell.memory_kills_in(&eater) == 1, cell.memory_kills_in(&eater))
    })
    .await;
    // The shell hears of its child's end a moment after the kernel counted it.
    let said = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            let said = docker_ok(&cell, &["logs", &eater]).await;
            if !said.is_empty() {
                return said;
            }
        }
    });
    assert_eq!(said.await.expect("the shell says how it ended"), "137");
    assert_eq!(cell.bounds_hit().memory, 0, "the cell's own bound was not hit");
    cell.kill().await.expect("nothing is left");
}

/// A provider whose cells lie in a file of 1 GiB that may grow.
async fn on_a_small_file(folder: &Path) -> ProcessProvider {
    let with = |most: u64| ProcessConfig {
        storage: StorageChoice::Btrfs,
        pool_bytes: Some(most),
        ..config(folder)
    };
    let first = ProcessProvider::open(with(1 << 30)).expect("a provider");
    first.storage().await.expect("a storage");
    drop(first);
    ProcessProvider::open(with(8 << 30)).expect("a provider")
}

fn file_bytes(folder: &Path) -> u64 {
    std::fs::metadata(folder.join("state/pool.btrfs"))
        .expect("the file")
        .len()
}

/// Takes so many MiB of the cell's disk.
async fn take(cell: &Cell, mebibytes: u32) {
    let reserve = format!("fallocate -l {mebibytes}m /reserved && dd if=/dev/zero of=/written bs=1M count=30");
    docker_ok(cell, &["run", "busybox:test", "sh", "-c", &reserve]).await;
}

#[tokio::test]
async fn a_cell_that_writes_past_the_first_size_of_the_storage_disturbs_nobody() {
    let folder = tempfile::Builder::new().prefix("cc").tempdir().expect("a folder");
    let provider = on_a_small_file(folder.path()).await;
    let spec = CellSpec {
        images: vec![busybox()],
        limits: Limits {
            disk_bytes: Some(2 << 30),
            ..Limits::default()
        },
        ..CellSpec::default()
    };
    let (greedy, modest) = tokio::join!(provider.start(&spec), provider.start(&spec));
    let (greedy, modest) = (greedy.expect("a cell"), modest.expect("a cell"));
    let ahead = file_bytes(folder.path());
    assert!(ahead > 4 << 30, "{ahead} bytes are not enough for both");
    take(&greedy, 1700).await;
    take(&modest, 100).await;
    assert!(!greedy.disk_is_full().await && !modest.disk_is_full().await);
    provider.look_after().await.expect("a look");
    assert_eq!(file_bytes(folder.path()), ahead, "it grew without need");
    for cell in [greedy, modest] {
        cell.health().await.expect("the daemon lives on");
        cell.kill().await.expect("nothing is left");
    }
}

#[tokio::test]
async fn the_storage_grows_while_cells_live_whose_disks_are_unbounded() {
    let folder = tempfile::Builder::new().prefix("cc").tempdir().expect("a folder");
    let provider = on_a_small_file(folder.path()).await;
    let spec = CellSpec {
        images: vec![busybox()],
        ..CellSpec::default()
    };
    let cell = provider.start(&spec).await.expect("a cell");
    let first = file_bytes(folder.path());
    take(&cell, 720).await;
    assert_eq!(file_bytes(folder.path()), first);
    provider.look_after().await.expect("a look");
    assert!(file_bytes(folder.path()) > first, "it did not grow");
    take(&cell, 500).await;
    cell.kill().await.expect("nothing is left");
}
