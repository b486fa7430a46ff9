//! Folders and views.

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

use crate::Cell;

use super::Ground;
use super::container::Container;

pub(super) async fn seen_from_both_sides(ground: &Ground) {
    let cell = ground.start().await;
    let folder = cell.new_folder("work").await.expect("a folder");
    fs::write(folder.host().join("in"), "from the host\n").expect("the host writes");
    let script = "cat /w/in > /w/out && mkdir /w/deep && echo x > /w/deep/file";
    let code = Container::script(&cell, script).with_folder(&folder, "/w").run().await;
    assert_eq!(code, 0);
    assert_eq!(read(&folder.host().join("out")), "from the host\n");
    cell.kill()
        .await
        .expect("what a container wrote as root is removed too");
    assert!(!folder.host().exists(), "the folder outlived its cell");
}

pub(super) async fn views_are_apart(ground: &Ground) {
    let cell = ground.start().await;
    let base = cell.new_layer("checkout").await.expect("a layer");
    for (name, text) in [("file", "base\n"), ("removed", "base\n")] {
        let path = base.folder().host().join(name);
        fs::write(&path, text).expect("written");
        let owner = cell.remapped_root();
        chown(&path, Some(owner.uid), Some(owner.gid)).expect("given to the containers' root");
    }
    let first = cell.mount_view("first", &[&base]).await.expect("a view");
    let second = cell.mount_view("second", &[&base]).await.expect("a view");
    let script = "echo first > /w/file; echo more > /w/new; rm /w/removed";
    assert_eq!(
        Container::script(&cell, script).with(first.inside(), "/w").run().await,
        0
    );
    let seen = show(&cell, second.inside(), "cat /w/file; ls /w").await;
    assert_eq!(seen, "base\nfile\nremoved\n", "one view is seen in another");
    assert_eq!(
        read(&base.folder().host().join("file")),
        "base\n",
        "a view wrote through"
    );

    let written = cell.unmount_view(first).await.expect("unmounted");
    let third = cell.mount_view("third", &[&written, &base]).await.expect("a view");
    let seen = show(&cell, third.inside(), "cat /w/file /w/new; ls /w").await;
    assert_eq!(
        seen, "first\nmore\nfile\nnew\n",
        "what was written and removed is a layer"
    );
    cell.mount_view("empty", &[]).await.expect("a view of nothing");
    cell.kill().await.expect("nothing is left, mounted views included");
}

pub(super) async fn names_lead_nowhere(ground: &Ground) {
    let cell = ground.start().await;
    for name in ["../up", "", ".", "a/b", ".hidden", "a:b", "a,b"] {
        assert!(cell.new_folder(name).await.is_err(), "the folder {name} was made");
        assert!(cell.new_layer(name).await.is_err(), "the layer {name} was made");
        assert!(cell.mount_view(name, &[]).await.is_err(), "the view {name} was made");
    }
    cell.new_folder("once").await.expect("a folder");
    assert!(cell.new_folder("once").await.is_err(), "a name is taken once");
    cell.kill().await.expect("everything is removed");
}

/// What a script prints that sees a path of the cell at `/w`.
async fn show(cell: &Cell, path: &Path, script: &str) -> String {
    let name = format!(
        "shown-{}",
        path.file_name().and_then(|name| name.to_str()).expect("a name")
    );
    let out = cell.new_folder(&name).await.expect("a folder");
    let script = format!("({script}) > /out/text");
    let shown = Container::script(cell, &script)
        .with(path, "/w")
        .with_folder(&out, "/out");
    assert_eq!(shown.run().await, 0, "{script}");
    read(&out.host().join("text"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
