//! An engine as a machine has it: an ordinary daemon with a network of its own and no users remapped, that sees this
//! machine's files. It is what a developer's laptop or a host with Docker and nothing else is to Circle.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::engine::Engine;
use crate::process::find_daemon;

/// From the start of the daemon to its first answer, on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(20);
/// Where cgroups are; every hierarchy of version 1 beneath it, or version 2 itself.
const CGROUPS: &str = "/sys/fs/cgroup";

/// A running engine. Dropping it kills it with everything in it.
#[derive(Debug)]
pub struct HostEngine {
    folder: PathBuf,
    cgroup: String,
    process: Child,
}

/// How others reach an engine over the network.
#[derive(Debug, Clone, Default)]
pub struct Reach {
    /// More arguments for the daemon: where it listens, and with which keys.
    pub arguments: Vec<String>,
    /// The last but one number of the addresses of the link to this machine, which no other engine may have; `None`:
    /// there is no link, and no way out.
    pub link: Option<u8>,
}

/// Its machine has no file systems of this one's loop devices: a copy of such a mount would hold a file that another test
/// has to see closed. The link is there when its far end is named; a machine without one needs not wait.
const BEGIN: &str = r#"
while read -r source target rest; do
    case "$source:$FOLDER/" in
        /dev/loop*:"$target"/*) ;;
        /dev/loop*) umount --lazy "$target" ;;
    esac
done </proc/self/mounts
ip link set lo up
if [ -n "$LINK" ]; then
    until ip link set eth0 up 2>/dev/null; do sleep 0.02; done
    ip addr add "10.213.$LINK.2/24" dev eth0
    ip route add default via "10.213.$LINK.1"
fi
exec "$@"
"#;

impl HostEngine {
    /// Starts a daemon whose state lies in `folder`, on a disk that an overlay can lie on.
    pub async fn start(folder: &Path, reach: Reach) -> Self {
        fs::create_dir_all(folder).expect("a folder for the engine");
        // What lasts as long as a boot does not outlive a power cut: numbers of processes in it, the daemon's own and that of its
        // containerd, are somebody else's in a new namespace, and a daemon that finds one alive waits for it in vain.
        let _ = fs::remove_file(folder.join("pid"));
        let _ = fs::remove_dir_all(folder.join("exec"));
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let cgroup = format!("circle-host-{}-{}", std::process::id(), name.unwrap_or_default());
        let log = fs::File::create(folder.join("log")).expect("a log");
        let errors = log.try_clone().expect("a log");
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "unshare", "--mount", "--net", "--pid", "--fork"])
            .args(["--kill-child=KILL", "--mount-proc", "sh", "-c"])
            .arg(BEGIN)
            .arg("sh")
            .arg(find_daemon().expect("a daemon is installed"))
            .args(arguments(folder, &cgroup))
            .args(&reach.arguments)
            .env("FOLDER", folder)
            .env("LINK", reach.link.map(|link| link.to_string()).unwrap_or_default())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .expect("setpriv and unshare are installed");
        let mut this = Self {
            folder: folder.to_path_buf(),
            cgroup,
            process,
        };
        if let Some(link) = reach.link {
            this.connect(link).await;
        }
        this.wait_until_ready().await;
        this
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("docker.sock")
    }

    /// The address of the engine's machine on its link.
    pub fn address(link: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 213, link, 2)
    }

    /// The address of this machine on the link.
    pub fn this_machine(link: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 213, link, 1)
    }

    /// A process that is in the engine's network and sees its mounts: where its clients are.
    pub fn pid(&self) -> u32 {
        let children = format!("/proc/{0}/task/{0}/children", self.process.id());
        let children = fs::read_to_string(children).unwrap_or_default();
        let first = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
        first.unwrap_or_else(|| self.process.id())
    }

    /// Kills it, as a crash would: nothing of it cleans up.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while !remove_cgroups(&self.cgroup) && std::time::Instant::now() < deadline {
            std::thread::sleep(PAUSE);
        }
    }

    /// Names of everything at the engine that carries a label: containers, networks, volumes, images.
    pub async fn labelled(&self, label: &str) -> Vec<String> {
        let engine = Engine::at(self.socket());
        let filters = crate::engine::encoded(&serde_json::json!({ "label": [label] }).to_string());
        let mut found = Vec::new();
        for kind in ["containers/json?all=1&", "networks?", "volumes?", "images/json?all=1&"] {
            let Ok(answer) = engine.ask("GET", &format!("/{kind}filters={filters}"), None).await else {
                continue;
            };
            let list = answer.get("Volumes").unwrap_or(&answer).as_array().cloned();
            found.extend(list.into_iter().flatten().map(|one| format!("{kind} {one}")));
        }
        found
    }

    /// Names of every volume, also of those without a label.
    pub async fn volumes(&self) -> Vec<String> {
        let listed = Engine::at(self.socket()).ask("GET", "/volumes", None).await;
        let listed = listed.unwrap_or_default();
        let named = listed["Volumes"].as_array().into_iter().flatten();
        named
            .filter_map(|one| one["Name"].as_str().map(str::to_owned))
            .collect()
    }

    /// Loads a Docker archive.
    pub async fn load(&self, image: &Path) {
        let loaded = crate::process::load_image(&self.socket(), image).await;
        loaded.expect("the image is loaded");
    }

    async fn connect(&mut self, link: u8) {
        let (near, pid) = (format!("cxh{link}"), self.inner_pid().await);
        run(
            "ip",
            &[
                "link",
                "add",
                &near,
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                &pid.to_string(),
            ],
        );
        run(
            "ip",
            &["addr", "add", &format!("{}/24", Self::this_machine(link)), "dev", &near],
        );
        run("ip", &["link", "set", &near, "up"]);
    }

    /// The first process in the new namespaces.
    async fn inner_pid(&mut self) -> u32 {
        let outside = fs::read_link("/proc/self/ns/net").expect("a namespace");
        for _ in 0..500 {
            let pid = self.pid();
            let inside = fs::read_link(format!("/proc/{pid}/ns/net"));
            if inside.is_ok_and(|inside| inside != outside) {
                return pid;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("no namespace was made: {}", self.log());
    }

    async fn wait_until_ready(&mut self) {
        let engine = Engine::at(self.socket());
        let ready = tokio::time::timeout(START_LIMIT, async {
            while engine.ask("GET", "/_ping", None).await.is_err() {
                if let Ok(Some(status)) = self.process.try_wait() {
                    panic!("the engine ended with {status}: {}", self.log());
                }
                tokio::time::sleep(PAUSE).await;
            }
        });
        if ready.await.is_err() {
            panic!("the engine does not answer: {}", self.log());
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for HostEngine {
    fn drop(&mut self) {
        self.kill();
    }
}

fn arguments(folder: &Path, cgroup: &str) -> Vec<String> {
    let at = |name: &str| folder.join(name).display().to_string();
    vec![
        format!("--host=unix://{}", at("docker.sock")),
        format!("--data-root={}", at("data")),
        format!("--exec-root={}", at("exec")),
        format!("--pidfile={}", at("pid")),
        "--exec-opt=native.cgroupdriver=cgroupfs".to_owned(),
        format!("--cgroup-parent={cgroup}"),
        "--storage-driver=overlay2".to_owned(),
        "--log-level=warn".to_owned(),
    ]
}

fn run(program: &str, words: &[&str]) {
    let output = Command::new(program)
        .args(words)
        .output()
        .expect("the program is installed");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {complaint}");
}

/// Removes the engine's cgroups, which are empty when everything is dead; tells whether none is left.
fn remove_cgroups(name: &str) -> bool {
    let hierarchies = fs::read_dir(CGROUPS).into_iter().flatten().flatten();
    let places = hierarchies.map(|entry| entry.path()).chain([PathBuf::from(CGROUPS)]);
    places
        .map(|place| place.join(name))
        .all(|group| remove_group(&group).is_ok())
}

fn remove_group(group: &Path) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(group) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path())?;
        }
    }
    fs::remove_dir(group)
}
