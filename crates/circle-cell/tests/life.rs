//! The life of a cell: it starts, a container runs in it, it is killed, and nothing is left.

mod support;

use circle_cell::CellProvider;
use support::machine::Machine;
use support::{Bench, docker_ok};

#[tokio::test]
async fn a_cell_runs_a_container_and_leaves_nothing() {
    let bench = Bench::new();
    let described = bench.provider.describe();
    let look = || Machine::look(&described.instance, &described.state.display().to_string());
    let before = look();
    let cell = bench.start().await;
    eprintln!("{:?}", cell.timings());
    assert_eq!(
        docker_ok(&cell, &["run", "--rm", "busybox:test", "echo", "hello"]).await,
        "hello"
    );
    let living = look();
    assert_ne!(living, before, "the audit sees a living cell");
    assert!(!living.disks.is_empty() && !living.rules.is_empty(), "{living:#?}");
    let killed = cell.kill().await.expect("everything is removed");
    eprintln!("{killed:?}");
    assert_eq!(look(), before);
    assert_eq!(
        std::fs::read_dir(described.state.join("cells"))
            .expect("the folder of cells")
            .count(),
        0
    );
}
