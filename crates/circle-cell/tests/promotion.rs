//! Promotions that break off: the old root stays, and nothing is half.

mod support;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use circle_cell::process::{ProcessConfig, ProcessProvider};
use circle_cell::{CellProvider, NotPromoted, Promoted};
use support::machine::Machine;
use support::roots::{from, make_base, name, wish};
use support::{Bench, config, docker_ok, init, until};

/// Dropping the promotion is what a worker does that ends; killing its daemon is what happens on a bad day.
#[tokio::test]
async fn a_promotion_that_breaks_off_leaves_the_old_root_and_nothing_half() {
    let bench = Bench::new();
    let described = bench.provider.describe();
    make_base(&bench).await;
    let look = || Machine::look(&described.instance, &described.state.display().to_string());
    let before = look();
    let kept = || {
        let entries = fs::read_dir(described.state.join("pool/kept")).expect("kept disks");
        entries.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>()
    };
    for after_ms in [0, 50, 400, 900, 1100] {
        let cell = bench.provider.start(&from("base")).await.expect("a cell");
        let promotion = bench.provider.promote(cell, wish("shop", 1));
        let _ = tokio::time::timeout(Duration::from_millis(after_ms), promotion).await;
        bench.provider.settled().await;
        if bench.provider.root(&name("shop")).await.expect("roots").is_some() {
            bench.provider.forget_root(&name("shop")).await.expect("forgotten");
        }
        assert_eq!(kept(), ["base-1"], "after {after_ms} ms");
        assert_eq!(look(), before, "after {after_ms} ms");
    }
    let cell = bench.provider.start(&from("base")).await.expect("a cell");
    let killer = cell.killer();
    let (refused, _) = tokio::join!(bench.provider.promote(cell, wish("shop", 1)), killer.kill());
    assert!(matches!(
        refused.expect("it ends"),
        Promoted::No(NotPromoted::Failed(_))
    ));
    assert_eq!(kept(), ["base-1"]);
    let cell = bench
        .provider
        .start(&from("base"))
        .await
        .expect("the base still starts");
    cell.kill().await.expect("nothing is left");
}

/// A worker that is killed in the middle of a promotion: the next owner finds whole roots only.
#[tokio::test]
async fn a_worker_killed_in_mid_promotion_leaves_whole_roots_only() {
    if let Ok(state) = std::env::var("CIRCLE_TEST_PROMOTER") {
        return promote_for_ever(Path::new(&state)).await;
    }
    let bench = Bench::new();
    make_base(&bench).await;
    let folder = bench.folder;
    let state = bench.provider.describe().state;
    drop(bench.provider);
    for after_ms in [1500, 1900, 2300] {
        let mut child = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "a_worker_killed_in_mid_promotion_leaves_whole_roots_only"])
            .env("CIRCLE_TEST_PROMOTER", &state)
            .spawn()
            .expect("a second worker");
        tokio::time::sleep(Duration::from_millis(after_ms)).await;
        child.kill().expect("killed with -9");
        child.wait().expect("reaped");
        let next = take_over(folder.path()).await;
        next.sweep().await.expect("swept");
        let roots = next.roots().await.expect("roots");
        let kept = fs::read_dir(state.join("pool/kept")).expect("kept disks").count();
        assert_eq!(kept, roots.len(), "after {after_ms} ms: {roots:?}");
        for root in roots {
            let spec = from(root.stamp.name.as_str());
            let cell = next.start(&spec).await.expect("every root that is named starts");
            docker_ok(&cell, &["run", "--rm", "busybox:test", "true"]).await;
            cell.kill().await.expect("nothing is left");
        }
        assert_eq!(fs::read_dir(state.join("pool/cells")).expect("disks").count(), 0);
    }
}

/// The kernel lets go of the lock a moment after the owner's death.
async fn take_over(folder: &Path) -> ProcessProvider {
    let mut taken = None;
    until("the state folder is free", || {
        match ProcessProvider::open(config(folder)) {
            Ok(provider) => taken = Some(provider),
            Err(error) => return (false, error.to_string()),
        }
        (true, String::new())
    })
    .await;
    taken.expect("the loop ends with one")
}

async fn promote_for_ever(state: &Path) {
    let provider = ProcessProvider::open(ProcessConfig::new(state, init())).expect("a provider");
    provider.sweep().await.expect("swept");
    for order in 1_u64.. {
        let root = if provider.root(&name("shop")).await.expect("roots").is_some() {
            "shop"
        } else {
            "base"
        };
        let cell = provider.start(&from(root)).await.expect("a cell");
        let order = order
            + provider
                .root(&name("shop"))
                .await
                .expect("roots")
                .map_or(0, |root| root.order);
        let _ = provider.promote(cell, wish("shop", order)).await.expect("it ends");
    }
}
