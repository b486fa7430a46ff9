//! A job that passes a bound of its cell, its own or its log's: it dies alone, and the run says which bound in a sentence.

mod support;

use std::time::{Duration, Instant};

use circle_cell::{Limits, StorageChoice};
use circle_core::plan::Work;
use circle_core::run::{FailureKind, LogBounds};
use support::{Bench, assignment, build, checkout, integration, job, stage};

/// A bench whose cells are bounded, and the plan of one job in it.
async fn bounded(limits: Limits, commands: &[&str]) -> support::Ran {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let cell = bench.cell_within(limits).await;
    let stages = vec![checkout(), integration(vec![], job(commands))];
    bench.run_in(cell, assignment(bench.repository.url(), stages)).await
}

#[tokio::test]
async fn sec_28_the_bound_that_ended_a_job_is_named() {
    let memory = Limits {
        memory_bytes: Some(128 << 20),
        ..Limits::default()
    };
    let ran = bounded(
        memory,
        &["head -c 400m /dev/zero | tail -c 390m | wc -c; test -n \"$no\""],
    )
    .await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Bound, "{failure:?}");
    assert!(
        failure
            .message
            .contains("killed because the run's containers together had used up their 128 MiB of memory"),
        "{failure:?}"
    );
    let pids = Limits {
        pids: Some(40),
        ..Limits::default()
    };
    let ran = bounded(pids, &["for i in $(seq 100); do sleep 20 & done; test -n \"$no\""]).await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Bound, "{failure:?}");
    assert!(
        failure.message.contains("bound on processes and threads, 40"),
        "{failure:?}"
    );
    let files = Limits {
        open_files: Some(300),
        ..Limits::default()
    };
    let opens = ": > e; timeout 2 tail -q -f $(for i in $(seq 400); do echo e; done); exit 3";
    let ran = bounded(files, &[opens]).await;
    assert!(
        ran.failure().message.contains("bound on open files, 300"),
        "{:?}",
        ran.failure()
    );
}

/// Runs a greedy job in a cell with a small disk, while a modest one writes in a cell beside it.
async fn fills_its_disk(storage: StorageChoice, greedy: &str) -> support::Ran {
    let bench = Bench::stored(storage).await;
    bench.commit(&[("a", "b")]).await;
    let limits = Limits {
        disk_bytes: Some(256 << 20),
        ..Limits::default()
    };
    let (full, beside) = tokio::join!(bench.cell_within(limits), bench.cell_within(limits));
    let run = |cell, commands: &[&str]| {
        let stages = vec![checkout(), integration(vec![], job(commands))];
        bench.run_in(cell, assignment(bench.repository.url(), stages))
    };
    let modest = ["for i in 1 2 3 4 5; do dd if=/dev/zero of=/part bs=1M count=20 conv=fsync; sleep 1; done"];
    let (greedy, modest) = tokio::join!(run(full, &[greedy]), run(beside, &modest));
    modest.succeeded();
    greedy
}

#[tokio::test]
async fn sec_28_a_job_that_fills_its_cells_disk_dies_alone_and_the_bound_is_named() {
    for storage in [StorageChoice::Btrfs, StorageChoice::Plain] {
        let ran = fills_its_disk(storage, "dd if=/dev/zero of=/flood bs=1M count=400").await;
        let failure = ran.failure();
        assert_eq!(failure.kind, FailureKind::Bound, "{storage:?}: {failure:?}");
        assert!(
            failure
                .message
                .ends_with("the disk of 256 MiB of the run's cell is full"),
            "{storage:?}: {failure:?}"
        );
    }
}

#[tokio::test]
async fn sec_28_a_job_that_uses_up_the_files_of_its_cells_disk_dies_alone_and_is_told_so() {
    let files = "mkdir /many; cd /many; i=0; while true > $i; do i=$((i+1)); done; false";
    let ran = fills_its_disk(StorageChoice::Plain, files).await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Bound, "{failure:?}");
    assert!(failure.message.contains("its inodes are used up"), "{failure:?}");
}

#[tokio::test]
async fn sec_28_the_bound_that_ended_a_build_step_is_named() {
    let bench = Bench::new().await;
    let step = "FROM busybox:test\nRUN head -c 400m /dev/zero | tail -c 390m | wc -c; false\n";
    bench.commit(&[("Dockerfile", step)]).await;
    let limits = Limits {
        memory_bytes: Some(160 << 20),
        ..Limits::default()
    };
    let cell = bench.cell_within(limits).await;
    let stages = vec![checkout(), stage("build", Work::Build { images: vec![build()] })];
    let ran = bench.run_in(cell, assignment(bench.repository.url(), stages)).await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Bound, "{failure:?}");
    assert!(
        failure.message.contains("could not be built") && failure.message.contains("160 MiB of memory"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_container_that_passes_its_own_bound_is_told_so() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let mut greedy = job(&["head -c 200m /dev/zero | (tail -c 190m; exit $?) > /dev/null; exit 137"]);
    greedy.container.resources.memory_bytes = Some(64 << 20);
    let ran = bench.run(vec![integration(vec![], greedy)]).await;
    let failure = ran.failure();
    assert_eq!(
        (failure.kind, failure.exit_code),
        (FailureKind::Bound, Some(137)),
        "{failure:?}"
    );
    assert!(
        failure
            .message
            .contains("more memory than the 64 MiB of its resources.memory"),
        "{failure:?}"
    );
}

#[tokio::test]
async fn sec_28_a_flood_of_output_is_held_back_and_ended() {
    let bench = Bench::new().await;
    bench.commit(&[("a", "b")]).await;
    let flood = |command: &str, log: LogBounds| {
        let stages = vec![checkout(), integration(vec![], job(&[command]))];
        let mut wanted = assignment(bench.repository.url(), stages);
        wanted.log = log;
        bench.run_assignment(wanted)
    };
    let small = LogBounds {
        stage_bytes: 2 << 20,
        ..LogBounds::default()
    };
    let ran = flood("yes flood", small).await;
    let failure = ran.failure();
    assert_eq!(failure.kind, FailureKind::Bound, "{failure:?}");
    assert!(
        failure.message.starts_with("the stage printed more than the 2 MiB"),
        "{failure:?}"
    );
    let log = ran.sink.log("integration");
    assert!(log.len() < (2 << 20) + 1024, "{} bytes passed", log.len());
    assert!(
        log.ends_with("declare it as an output\n"),
        "the end says why: {}",
        &log[log.len() - 200..]
    );

    let slow = LogBounds {
        bytes_per_s: 1 << 20,
        ..LogBounds::default()
    };
    let began = Instant::now();
    let ran = flood("head -c 4m /dev/zero | tr '\\0' x", slow).await;
    let log = ran.succeeded().sink.log("integration");
    assert!(
        began.elapsed() >= Duration::from_secs(2),
        "4 MiB at 1 MiB a second in {:?}",
        began.elapsed()
    );
    assert_eq!(log.matches('x').count(), 4 << 20, "nothing is left out");
    assert!(log.contains("circle: the output came faster than a log may grow and was held back"));
}
