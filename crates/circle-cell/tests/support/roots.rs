//! What the tests of roots share.

use std::fs;
use std::path::Path;
use std::process::Command;

use circle_cell::{Cell, CellProvider, CellSpec, Promoted, Promotion, Root, RootName, RootStamp};

use super::Bench;

pub(crate) fn name(text: &str) -> RootName {
    text.parse().expect("a name")
}

pub(crate) fn wish(root: &str, order: u64) -> Promotion {
    Promotion {
        name: name(root),
        order,
        label: root.to_owned(),
        note: "{}".to_owned(),
        caches: vec!["module".to_owned()],
    }
}

pub(crate) fn from(root: &str) -> CellSpec {
    CellSpec {
        root: Root::Kept(name(root)),
        ..CellSpec::default()
    }
}

pub(crate) async fn promoted(provider: &dyn CellProvider, cell: Cell, wish: Promotion) -> RootStamp {
    match provider.promote(cell, wish).await.expect("the cell ends") {
        Promoted::Yes(stamp) => stamp,
        Promoted::No(why) => panic!("not promoted: {why}"),
    }
}

/// Makes the base of the busybox image.
pub(crate) async fn make_base(bench: &Bench) -> RootStamp {
    let cell = bench.start().await;
    promoted(bench.provider.as_ref(), cell, wish("base", 1)).await
}

pub(crate) async fn build(cell: &Cell, folder: &Path, dockerfile: &str) -> String {
    fs::write(folder.join("Dockerfile"), dockerfile).expect("a Dockerfile");
    let host = format!("unix://{}", cell.socket().display());
    let output = Command::new("/usr/bin/docker")
        .env("DOCKER_BUILDKIT", "1")
        .args(["--host", &host, "build", "--progress", "plain", "--tag", "built:1"])
        .arg(folder)
        .output()
        .expect("the docker client");
    let said = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{said}");
    said
}
