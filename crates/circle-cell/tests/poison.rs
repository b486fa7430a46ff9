//! What a run can do to others through roots and disks: nothing.

mod support;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use circle_cell::process::{ProcessConfig, ProcessProvider};
use circle_cell::{Cell, CellProvider, CellSpec, Limits, StorageChoice};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::machine::Machine;
use support::roots::{build, from, make_base, promoted, wish};
use support::{Bench, busybox, config, docker, docker_ok};

/// Whatever a run does to its own copy, the root and the cells beside it never see it.
#[tokio::test]
async fn sec_60_a_run_that_is_not_promoted_poisons_nothing() {
    let bench = Bench::new();
    make_base(&bench).await;
    let folder = tempfile::tempdir().expect("a folder");
    let innocent = "FROM busybox:test\nRUN --mount=type=cache,target=/c touch /c/seen && echo good > /made\n";
    let cell = bench.provider.start(&from("base")).await.expect("a cell");
    build(&cell, folder.path(), innocent).await;
    let cache = cell.cache_folder("module").await.expect("a cache");
    fs::write(cache.host().join("go.sum"), "good").expect("a file");
    promoted(bench.provider.as_ref(), cell, wish("shop", 1)).await;

    let beside = bench.provider.start(&from("shop")).await.expect("a cell");
    let attacker = bench.provider.start(&from("shop")).await.expect("a cell");
    // The image retagged, and another layer under a known tag.
    let evil = "FROM busybox:test\nRUN echo evil > /bin/evil && mkdir -p /c\n";
    build(&attacker, folder.path(), evil).await;
    docker_ok(&attacker, &["tag", "built:1", "busybox:test"]).await;
    // The cache mount of the build.
    let mount = "FROM busybox:test\nRUN --mount=type=cache,target=/c echo evil > /c/evil\n";
    build(&attacker, folder.path(), mount).await;
    // A volume, the cache of the pipeline, the layers on the disk themselves.
    docker_ok(
        &attacker,
        &["run", "--rm", "-v", "evil:/v", "busybox:test", "touch", "/v/evil"],
    )
    .await;
    let cache = attacker.cache_folder("module").await.expect("the cache");
    assert_eq!(
        fs::read_to_string(cache.host().join("go.sum")).expect("it came along"),
        "good"
    );
    fs::write(cache.host().join("go.sum"), "evil").expect("written");
    let layers = cell_disk(&bench, &attacker).join("docker/1048576.1048576/overlay2");
    for layer in fs::read_dir(&layers).expect("layers").flatten() {
        let _ = fs::create_dir_all(layer.path().join("diff/evil"));
    }
    let later = bench.provider.start(&from("shop")).await.expect("a cell");
    attacker.kill().await.expect("nothing is left");
    for (who, cell) in [("beside", &beside), ("later", &later)] {
        let listed = docker_ok(cell, &["run", "--rm", "busybox:test", "sh", "-c", "ls / /bin"]).await;
        assert!(!listed.contains("evil"), "{who}: {listed}");
        let cache = cell.cache_folder("module").await.expect("the cache");
        let content = fs::read_to_string(cache.host().join("go.sum")).expect("a file");
        assert_eq!(content, "good", "{who}");
        assert_eq!(docker_ok(cell, &["volume", "ls", "-q"]).await, "", "{who}");
        let mounted =
            "FROM busybox:test\nRUN --mount=type=cache,target=/c ls /c && test ! -e /c/evil && test -e /c/seen\n";
        build(cell, folder.path(), mounted).await;
        let again = build(cell, folder.path(), innocent).await;
        assert!(again.contains("CACHED"), "{who}: the layer is not had again: {again}");
        let made = docker_ok(cell, &["run", "--rm", "built:1", "cat", "/made"]).await;
        assert_eq!(made, "good", "{who}");
        let info = docker_ok(cell, &["info", "--format", "{{.LiveRestoreEnabled}} {{.Driver}}"]).await;
        assert_eq!(info, "false overlay2", "{who}");
    }
    for cell in [beside, later] {
        cell.kill().await.expect("nothing is left");
    }
}

/// A daemon of a cell reads `/etc/docker/daemon.json` of that cell: a job that gets there, past every filter, changes the daemon
/// that it has and no other, not even when what it left becomes a root.
#[tokio::test]
async fn sec_60_the_configuration_of_a_daemon_ends_with_its_cell_also_when_its_run_is_promoted() {
    let bench = Bench::new();
    make_base(&bench).await;
    let attacker = bench.provider.start(&from("base")).await.expect("a cell");
    let beside = bench.provider.start(&from("base")).await.expect("a cell");
    let evil = r#"{"live-restore": true}"#;
    let write = format!("echo '{evil}' > /d/daemon.json");
    let reached = [
        "run",
        "--rm",
        "--userns=host",
        "-v",
        "/etc/docker:/d",
        "busybox:test",
        "sh",
        "-c",
        &write,
    ];
    docker_ok(&attacker, &reached).await;
    for folder in ["", "docker", "caches", "docker/1048576.1048576"] {
        fs::write(cell_disk(&bench, &attacker).join(folder).join("daemon.json"), evil).expect("written");
    }
    // It is the right place: told to read it again, the daemon does as it says.
    hang_up(&bench, &attacker);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while live_restore(&attacker).await != "true" {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the daemon does not read the file"
        );
    }
    promoted(bench.provider.as_ref(), attacker, wish("shop", 1)).await;

    let next = bench.provider.start(&from("shop")).await.expect("a cell");
    for (who, cell) in [("beside", &beside), ("next", &next)] {
        assert_eq!(live_restore(cell).await, "false", "{who}");
        let look = [
            "run",
            "--rm",
            "--userns=host",
            "-v",
            "/etc:/e",
            "busybox:test",
            "ls",
            "/e/docker",
        ];
        let seen = docker(cell, &look).await;
        assert!(
            !String::from_utf8_lossy(&seen.stdout).contains("daemon.json"),
            "{who}: {seen:?}"
        );
    }
    let host = fs::read_to_string("/etc/docker/daemon.json").unwrap_or_default();
    assert!(
        !host.contains("live-restore"),
        "the host's own configuration was written: {host}"
    );
    for cell in [beside, next] {
        cell.kill().await.expect("nothing is left");
    }
}

async fn live_restore(cell: &Cell) -> String {
    docker_ok(cell, &["info", "--format", "{{.LiveRestoreEnabled}}"]).await
}

/// Sends SIGHUP to the daemon of one cell.
fn hang_up(bench: &Bench, cell: &Cell) {
    let described = bench.provider.describe();
    let machine = Machine::look(&described.instance, &described.state.display().to_string());
    let pids = machine
        .processes
        .iter()
        .filter_map(|process| process.strip_suffix(" dockerd"));
    let group = format!("/circle/{}", cell.id());
    let of_cell =
        |pid: &&str| fs::read_to_string(format!("/proc/{pid}/cgroup")).is_ok_and(|groups| groups.contains(&group));
    let pid = pids.into_iter().find(of_cell).expect("a daemon");
    kill(Pid::from_raw(pid.parse().expect("a number")), Signal::SIGHUP).expect("it lives");
}

fn cell_disk(bench: &Bench, cell: &Cell) -> PathBuf {
    bench
        .provider
        .describe()
        .state
        .join("pool/cells")
        .join(cell.id().as_str())
}

#[tokio::test]
async fn sec_28_a_job_that_fills_its_cells_disk_dies_alone_and_the_cell_says_so() {
    for choice in [StorageChoice::Btrfs, StorageChoice::Plain] {
        let folder = tempfile::Builder::new().prefix("cc").tempdir().expect("a folder");
        let config = ProcessConfig {
            storage: choice,
            ..config(folder.path())
        };
        let provider = ProcessProvider::open(config).expect("a provider");
        assert!(provider.storage().await.expect("a storage").bounded);
        let spec = CellSpec {
            images: vec![busybox()],
            limits: Limits {
                disk_bytes: Some(256 << 20),
                ..Limits::default()
            },
            ..CellSpec::default()
        };
        let (greedy, modest) = tokio::join!(provider.start(&spec), provider.start(&spec));
        let (greedy, modest) = (greedy.expect("a cell"), modest.expect("a cell"));
        assert!(!greedy.disk_is_full().await);
        let flood = [
            "run",
            "--name",
            "greedy",
            "busybox:test",
            "dd",
            "if=/dev/zero",
            "of=/flood",
            "bs=1M",
            "count=1000",
        ];
        let output = docker(&greedy, &flood).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{choice:?}: {said}");
        assert!(greedy.disk_is_full().await, "{choice:?}: {said}");
        assert!(!modest.disk_is_full().await, "{choice:?}");
        let write = [
            "run",
            "--rm",
            "busybox:test",
            "dd",
            "if=/dev/zero",
            "of=/some",
            "bs=1M",
            "count=30",
        ];
        docker_ok(&modest, &write).await;
        greedy.health().await.expect("the daemon survives");
        for cell in [greedy, modest] {
            cell.kill().await.expect("nothing is left");
        }
        drop(provider);
        let left = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        assert!(
            !left.contains(folder.path().to_str().expect("text")),
            "{choice:?}: a mount is left"
        );
    }
}
