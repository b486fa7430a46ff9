//! Roots: what one cell leaves is where others begin, and nothing else comes along.

mod support;

use std::fs;
use std::time::Duration;

use circle_cell::process::{ProcessConfig, ProcessProvider};
use circle_cell::{CellProvider, CellSpec, NotPromoted, Promoted};
use support::roots::{build, from, make_base, name, promoted, wish};
use support::{Bench, busybox, config, docker_ok};

#[tokio::test]
async fn sec_31_a_root_brings_images_and_layers_and_nothing_of_the_run() {
    let bench = Bench::new();
    let base = make_base(&bench).await;
    assert_eq!(base.generation, 1);
    let cell = bench.provider.start(&from("base")).await.expect("a cell");
    assert_eq!(cell.root(), Some(&base));
    let images_ms = cell.timings().images_ms;
    assert!(images_ms < 50, "nothing is loaded any more, in {images_ms} ms");
    let folder = tempfile::tempdir().expect("a folder");
    let dockerfile = "FROM busybox:test\nRUN echo slow > /made\n";
    build(&cell, folder.path(), dockerfile).await;
    docker_ok(&cell, &["volume", "create", "left"]).await;
    docker_ok(&cell, &["network", "create", "left"]).await;
    docker_ok(
        &cell,
        &[
            "run",
            "--name",
            "left",
            "-v",
            "left:/v",
            "busybox:test",
            "touch",
            "/v/left",
        ],
    )
    .await;
    docker_ok(&cell, &["rm", "left"]).await;
    cell.new_folder("left").await.expect("a folder");
    let shop = promoted(bench.provider.as_ref(), cell, wish("shop", 1)).await;

    let next = bench.provider.start(&from("shop")).await.expect("a cell");
    assert_eq!(next.root(), Some(&shop));
    assert!(docker_ok(&next, &["images"]).await.contains("built"));
    for (what, words) in [("volume", ["volume", "ls", "-q"]), ("container", ["ps", "-a", "-q"])] {
        assert_eq!(docker_ok(&next, &words).await, "", "a {what} came along");
    }
    let networks = docker_ok(&next, &["network", "ls", "--format", "{{.Name}}"]).await;
    assert!(!networks.contains("left"), "{networks}");
    next.new_folder("left").await.expect("the name is free again");
    let again = build(&next, folder.path(), dockerfile).await;
    assert!(again.contains("CACHED"), "the build cache did not come along: {again}");
    assert_eq!(
        docker_ok(&next, &["run", "--rm", "built:1", "cat", "/made"]).await,
        "slow"
    );
    next.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn of_two_runs_side_by_side_one_is_promoted_and_an_older_one_never() {
    let bench = Bench::new();
    make_base(&bench).await;
    let spec = from("base");
    let (first, second) = tokio::join!(bench.provider.start(&spec), bench.provider.start(&spec));
    let stamp = promoted(bench.provider.as_ref(), first.expect("a cell"), wish("shop", 7)).await;
    let refused = bench
        .provider
        .promote(second.expect("a cell"), wish("shop", 8))
        .await
        .expect("it ends");
    assert!(
        matches!(refused, Promoted::No(NotPromoted::Overtaken { present: 1, .. })),
        "{refused:?}"
    );
    let older = bench.provider.start(&from("shop")).await.expect("a cell");
    let refused = bench.provider.promote(older, wish("shop", 6)).await.expect("it ends");
    assert!(
        matches!(
            refused,
            Promoted::No(NotPromoted::Older {
                present: 7,
                order: 6,
                ..
            })
        ),
        "{refused:?}"
    );
    let root = bench
        .provider
        .root(&name("shop"))
        .await
        .expect("roots")
        .expect("the root");
    assert_eq!((root.stamp, root.order), (stamp, 7));
    bench.provider.settled().await;
}

#[tokio::test]
async fn roots_outlive_their_provider_and_go_when_their_ground_does() {
    let bench = Bench::new();
    bench.provider.settle_roots("images 1").await.expect("settled");
    make_base(&bench).await;
    let folder = bench.folder;
    drop(bench.provider);
    let open = || ProcessProvider::open(config(folder.path())).expect("a provider");
    let next = open();
    next.settle_roots("images 1").await.expect("settled");
    let cell = next.start(&from("base")).await.expect("a cell");
    assert!(docker_ok(&cell, &["images"]).await.contains("busybox"));
    next.settle_roots("images 2").await.expect("settled");
    assert!(next.roots().await.expect("roots").is_empty());
    docker_ok(&cell, &["run", "--rm", "busybox:test", "true"]).await;
    cell.kill().await.expect("nothing is left");
    let missing = next.start(&from("base")).await.expect_err("there is none");
    assert!(missing.to_string().contains("no root base"), "{missing}");
    assert_eq!(
        fs::read_dir(folder.path().join("state/pool/kept"))
            .expect("kept disks")
            .count(),
        0
    );
}

#[tokio::test]
async fn roots_that_take_more_than_they_may_go_in_the_order_of_their_last_use() {
    let folder = tempfile::Builder::new().prefix("cc").tempdir().expect("a folder");
    let config = ProcessConfig {
        roots_bytes: 55 << 20,
        ..config(folder.path())
    };
    let provider = ProcessProvider::open(config).expect("a provider");
    let spec = CellSpec {
        images: vec![busybox()],
        ..CellSpec::default()
    };
    let cell = provider.start(&spec).await.expect("a cell");
    promoted(&provider, cell, wish("base", 1)).await;
    for (number, root) in ["first", "second", "third"].into_iter().enumerate() {
        let cell = provider.start(&from("base")).await.expect("a cell");
        let fill = format!("FROM busybox:test\nRUN head -c 20000000 /dev/urandom > /{root}\n");
        build(&cell, folder.path(), &fill).await;
        // The clock of the index counts seconds, and each use is to be in one of its own.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        if number == 2 {
            provider.count_root(&name("first"), true).await.expect("counted");
            tokio::time::sleep(Duration::from_millis(1100)).await;
        }
        promoted(&provider, cell, wish(root, 1)).await;
    }
    let roots = provider.roots().await.expect("roots");
    let left: Vec<&str> = roots.iter().map(|root| root.stamp.name.as_str()).collect();
    assert_eq!(left.len(), 3, "{roots:?}");
    assert!(!left.contains(&"second"), "the one used longest ago went: {roots:?}");
    assert!(
        roots
            .iter()
            .all(|root| root.total_bytes >= root.own_bytes && root.total_bytes > 0),
        "{roots:?}"
    );
}
