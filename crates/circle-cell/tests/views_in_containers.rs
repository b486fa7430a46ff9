//! Views that come to a container after its start, and parts of them at places of their own.

#[path = "support/shells.rs"]
#[expect(dead_code, reason = "only the story is told here")]
mod shells;
mod support;

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;
use std::time::Duration;

use circle_cell::gate::{
    CHANNEL_FOLDER, ENTRYPOINT, GateChannel, GateEvent, Orders, PROGRAM_FOLDER, Shell, Work, install,
};
use circle_cell::{Cell, CellSpec, PartOfView};
use shells::{end, said};
use support::{Bench, docker_ok};

const PATIENCE: Duration = Duration::from_secs(60);

/// A container behind a gate that shows the place of a view at `/workspace`.
async fn waiting(cell: &Cell, place: &Path, options: &[&str]) -> GateChannel {
    let program = cell.new_folder("gate").await.expect("a folder");
    install(program.host()).expect("the gate's program");
    let io = cell.new_folder("io").await.expect("a folder");
    let mut channel = GateChannel::create(io.host()).expect("the pipes");
    let program = format!("{}:{PROGRAM_FOLDER}:ro", program.inside().display());
    let io = format!("{}:{CHANNEL_FOLDER}", io.inside().display());
    let view = format!("{}:/workspace:rslave", place.display());
    let mut words = vec![
        "run",
        "-d",
        "--entrypoint",
        ENTRYPOINT,
        "-v",
        &program,
        "-v",
        &io,
        "-v",
        &view,
    ];
    words.extend(options);
    words.push("busybox:test");
    docker_ok(cell, &words).await;
    let first = tokio::time::timeout(PATIENCE, channel.next()).await;
    assert!(matches!(first, Ok(Some(Ok(GateEvent::Waiting)))), "{first:?}");
    channel
}

async fn runs(channel: &mut GateChannel, command: &str) -> String {
    let orders = Orders {
        directory: "/workspace/deep".to_owned(),
        workspace: "/workspace".to_owned(),
        environment: Vec::new(),
        files: Vec::new(),
        work: Work::Commands {
            shell: Shell::Sh,
            commands: vec![command.to_owned()],
        },
        finally: Vec::new(),
    };
    channel.open(&orders).await.expect("the orders are sent");
    let mut events = vec![GateEvent::Waiting];
    while let Some(event) = tokio::time::timeout(PATIENCE, channel.next())
        .await
        .expect("it goes on")
    {
        events.push(event.expect("no error"));
    }
    assert_eq!(end(&events), Some(circle_cell::Exit::Code(0)), "{events:?}");
    said(&events)
}

#[tokio::test]
async fn a_container_sees_the_view_that_is_mounted_after_its_start() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let place = cell
        .new_view_place("late")
        .expect("a place")
        .expect("cells of this machine can");
    let mut channel = waiting(&cell, place.inside(), &[]).await;

    let layer = cell.new_layer("checkout").await.expect("a layer");
    let file = layer.folder().host().join("README");
    fs::write(&file, "from the checkout\n").expect("a file");
    chown(&file, Some(cell.remapped_root().uid), Some(cell.remapped_root().gid)).expect("a new owner");
    let view = cell.mount_view("late", &[&layer]).await.expect("the view");
    assert_eq!(view.inside(), place.inside());
    let text = runs(
        &mut channel,
        "pwd; cat ../README; echo changed >../README; echo made >made",
    )
    .await;
    assert_eq!(text, "/workspace/deep\nfrom the checkout\n");
    let written = view.written().folder().host();
    assert_eq!(
        fs::read_to_string(written.join("README")).expect("its own copy"),
        "changed\n"
    );
    assert_eq!(
        fs::read_to_string(written.join("deep/made")).expect("a new file"),
        "made\n"
    );
    let untouched = fs::read_to_string(layer.folder().host().join("README"));
    assert_eq!(untouched.expect("the layer's file"), "from the checkout\n");
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn sec_34_a_part_of_a_view_is_what_lies_in_it() {
    let bench = Bench::new();
    let cell = bench.start().await;
    let layer = cell.new_layer("checkout").await.expect("a layer");
    let files = layer.folder().host();
    fs::create_dir(files.join("data")).expect("a folder");
    fs::write(files.join("data/x"), "inside\n").expect("a file");
    symlink("data/x", files.join("link")).expect("a link");
    symlink("/cell/run", files.join("out")).expect("a link");
    symlink("/", files.join("root")).expect("a link");
    let view = cell.mount_view("view", &[&layer]).await.expect("the view");
    let part = |path: &'static str, name: &'static str, make: bool| PartOfView {
        view: view.inside(),
        path: Path::new(path),
        name,
        make,
    };
    let folder = cell.show(part("data", "one", false)).await.expect("a folder");
    let file = cell
        .show(part("link", "two", false))
        .await
        .expect("a file behind a link");
    let made = cell
        .show(part("new/deep", "three", true))
        .await
        .expect("a folder that is made");
    for (path, make) in [
        ("out", false),
        ("root", false),
        ("root/etc", true),
        ("../..", false),
        ("missing", false),
    ] {
        cell.show(part(path, "four", make)).await.expect_err(path);
    }
    let [folder, file, made] =
        [(&folder, "/a"), (&file, "/b"), (&made, "/c")].map(|(place, target)| format!("{}:{target}", place.display()));
    let script = "cat /a/x /b; echo new >/c/file";
    let words = [
        "run",
        "--rm",
        "-v",
        &folder,
        "-v",
        &file,
        "-v",
        &made,
        "busybox:test",
        "sh",
        "-c",
        script,
    ];
    assert_eq!(docker_ok(&cell, &words).await, "inside\ninside");
    let new = fs::read_to_string(view.written().folder().host().join("new/deep/file"));
    assert_eq!(new.expect("it lies in the view"), "new\n");
    cell.kill().await.expect("nothing is left");
}

#[tokio::test]
async fn a_cell_has_its_networks_before_anybody_asks() {
    let bench = Bench::new();
    let spec = CellSpec {
        networks: vec!["stage".to_owned()],
        ..CellSpec::default()
    };
    let cell = bench.start_with(spec).await;
    let names = docker_ok(&cell, &["network", "ls", "--format", "{{.Name}} {{.Driver}}"]).await;
    assert!(names.lines().any(|line| line == "stage bridge"), "{names}");
    cell.kill().await.expect("nothing is left");
}
