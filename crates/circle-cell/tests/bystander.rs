//! What is not Circle's is not touched: a daemon, a bridge, rules, mounts, cgroups and folders of others stand beside cells that
//! live, die, and are swept.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use circle_cell::process::ProcessProvider;
use circle_cell::{CellProvider, CellSpec};
use support::world::{World, part, serve};
use support::{busybox, config, docker_ok, until};

#[tokio::test]
async fn a_foreign_daemon_with_its_bridge_rules_and_mounts_notices_nothing() {
    const NAME: &str = "a_foreign_daemon_with_its_bridge_rules_and_mounts_notices_nothing";
    match part().as_deref() {
        Some("world") => serve("world", support::world::WORLD_PORT),
        Some(folder) => {
            beside(Path::new(folder)).await;
            println!("everything stands");
        }
        None => {
            let world = World::new(NAME);
            let folder = tempfile::Builder::new()
                .prefix("cc")
                .tempdir_in("/var/tmp")
                .expect("a folder");
            let beside = world.as_host(NAME, &folder.path().display().to_string()).output();
            let output = tokio::task::spawn_blocking(move || beside)
                .await
                .expect("no panic")
                .expect("nsenter");
            let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && told.contains("everything stands"), "{told}");
        }
    }
}

async fn beside(folder: &Path) {
    let provider = ProcessProvider::open(config(folder)).expect("a provider");
    let state = provider.describe().state;
    let foreign = Foreign::make(folder, &state);
    foreign.daemon_runs_a_container().await;
    let before = foreign.look();
    assert!(before.len() > 12, "the look sees little: {before:#?}");

    let spec = CellSpec {
        images: vec![busybox()],
        ..CellSpec::default()
    };
    let first = provider.start(&spec).await.expect("a cell");
    let second = provider.start(&spec).await.expect("another cell");
    docker_ok(&first, &["run", "-d", "busybox:test", "sleep", "600"]).await;
    for _ in 0..3 {
        let swept = provider.sweep().await.expect("a sweep");
        assert!(swept.is_empty(), "a sweep took what is alive or not ours: {swept:?}");
        provider.look_after().await.expect("a look");
    }
    first.kill().await.expect("nothing is left");
    drop(second);
    provider.settled().await;
    provider.sweep().await.expect("a sweep");
    assert_eq!(foreign.look(), before);
}

/// Things of others, with names as near to Circle's as they get.
struct Foreign {
    folder: PathBuf,
    state: PathBuf,
    groups: Vec<PathBuf>,
    sleeper: Child,
    daemon: Child,
}

/// Another instance's name.
const OTHER: &str = "0f0f0f";

impl Foreign {
    fn make(folder: &Path, state: &Path) -> Self {
        run("ip", "link add cvbridge0 type bridge");
        run("ip", &format!("link add cv{OTHER}0001 type bridge"));
        run("iptables", &format!("-N CIRCLE-{OTHER}-OUT"));
        run(
            "iptables",
            &format!("-I FORWARD -i cv{OTHER}+ -m comment --comment circle:{OTHER} -j CIRCLE-{OTHER}-OUT"),
        );
        run("iptables", "-t nat -A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE");
        run("iptables", "-A INPUT -m comment --comment circle -j ACCEPT");
        fs::create_dir_all(state.join("cells/not-a-cell")).expect("a folder");
        fs::create_dir_all(folder.join(format!("{OTHER}-0001"))).expect("a folder");
        run(
            "mount",
            &format!("-t tmpfs foreign {}", folder.join(format!("{OTHER}-0001")).display()),
        );
        let mut groups = Vec::new();
        for hierarchy in hierarchies() {
            let group = hierarchy.join(format!("circle/{OTHER}-0001"));
            fs::create_dir_all(&group).expect("a cgroup");
            groups.push(group);
        }
        let sleeper = Command::new("sleep").arg("600").spawn().expect("a process");
        for group in groups.iter().filter(|group| group.join("cgroup.procs").exists()) {
            // A cpuset without processors, or a version 2 group with children, takes no process; the others do.
            let _ = fs::write(group.join("cgroup.procs"), sleeper.id().to_string());
        }
        let log = fs::File::create(folder.join("foreign.log")).expect("a log");
        let at = |name: &str| folder.join(name).display().to_string();
        let daemon = Command::new("dockerd")
            .args([
                "--host",
                &format!("unix://{}", at("foreign.sock")),
                "--data-root",
                &at("foreign"),
            ])
            .args([
                "--exec-root",
                &at("foreign-exec"),
                "--pidfile",
                &at("foreign.pid"),
                "--bip",
                "172.29.1.1/24",
            ])
            .args([
                "--exec-opt",
                "native.cgroupdriver=cgroupfs",
                "--cgroup-parent",
                &format!("/bystander-{}", std::process::id()),
            ])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("a foreign daemon");
        Self {
            folder: folder.to_owned(),
            state: state.to_owned(),
            groups,
            sleeper,
            daemon,
        }
    }

    async fn daemon_runs_a_container(&self) {
        let log = self.folder.join("foreign.log");
        until("the foreign daemon answers", || {
            (
                self.docker(&["version"]).is_some(),
                fs::read_to_string(&log).unwrap_or_default(),
            )
        })
        .await;
        let image = busybox().display().to_string();
        self.docker(&["load", "-i", &image]).expect("an image");
        self.docker(&["run", "-d", "--name", "bystander", "busybox:test", "sleep", "600"])
            .expect("a container");
        tokio::time::timeout(Duration::from_secs(10), async {
            while self.docker(&["top", "bystander"]).is_none() {}
        })
        .await
        .expect("the container runs");
    }

    fn docker(&self, words: &[&str]) -> Option<String> {
        let host = format!("unix://{}", self.folder.join("foreign.sock").display());
        let output = Command::new("/usr/bin/docker")
            .args(["--host", &host])
            .args(words)
            .output()
            .ok()?;
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Everything of others, as it stands.
    fn look(&self) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        for (program, words) in [("ip", "-o -4 addr"), ("iptables-save", ""), ("ip", "-br link")] {
            let lines = run(program, words);
            // Counters and comments of the tool change; link states of the host's end of cells come and go.
            let lines = lines.lines().filter(|line| !line.starts_with([':', '#']));
            seen.extend(lines.map(|line| format!("{program}: {line}")));
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        let own = self.folder.display().to_string();
        // What Circle keeps its cells on is its own, and stays while its provider lives.
        let pool = self.state.join("pool").display().to_string();
        let foreign = |line: &&str| line.contains(&own) && !line.contains(&pool);
        seen.extend(mounts.lines().filter(foreign).map(str::to_owned));
        for path in self.groups.iter().chain([&self.state.join("cells/not-a-cell")]) {
            seen.insert(format!("{} {}", path.display(), path.exists()));
        }
        let sleeper = fs::read_to_string(format!("/proc/{}/stat", self.sleeper.id())).unwrap_or_default();
        seen.insert(format!("sleeper {:?}", sleeper.split(' ').nth(2)));
        let containers = self.docker(&["ps", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}"]);
        seen.insert(format!("containers {containers:?}"));
        seen
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.docker(&["rm", "-f", "bystander"]);
        let _ = Command::new("kill").arg(self.daemon.id().to_string()).status();
        let _ = self.daemon.wait();
        let _ = self.sleeper.kill();
        let _ = self.sleeper.wait();
        let _ = Command::new("umount")
            .arg(self.folder.join(format!("{OTHER}-0001")))
            .status();
        for group in &self.groups {
            let _ = fs::remove_dir(group);
        }
        for hierarchy in hierarchies() {
            let _ = fs::remove_dir(hierarchy.join(format!("bystander-{}", std::process::id())));
        }
    }
}

/// Mount points of cgroup hierarchies that take groups of any name.
fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let cgroup = |line: &&str| line.contains(" - cgroup ") || line.contains(" - cgroup2 ");
    mounts
        .lines()
        .filter(cgroup)
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from)
        .collect()
}

fn run(program: &str, words: &str) -> String {
    let output = Command::new(program)
        .args(words.split_whitespace())
        .output()
        .expect(program);
    assert!(
        output.status.success(),
        "{program} {words}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
