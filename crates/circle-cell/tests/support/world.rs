//! Network namespaces that play a host and the world around it, so that a test sees every packet that leaves.

use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Set in the process that plays a part; its value is the part.
const PART: &str = "CIRCLE_CELL_TEST_PART";
/// Where the world's services listen.
pub(crate) const WORLD_PORT: u16 = 7000;

/// Where the world holds connections.
pub(crate) const HOLDING_PORT: u16 = 7002;

/// What the world answers on, beside the way to it.
const ADDRESSES: [&str; 12] = [
    "198.51.100.7/32",
    "169.254.169.254/32",
    "168.63.129.16/32",
    "100.100.100.200/32",
    "10.1.2.3/32",
    "192.168.7.7/32",
    "2001:db8:80::7/128",
    "fd00:ec2::254/128",
    "fd12:0:0:7::7/128",
    "64:ff9b::a9fe:a9fe/128",
    "2002:a9fe:a9fe::1/128",
    "fec0::7/128",
];

/// A host's namespace with one link to the world's; both go when it is dropped.
pub(crate) struct World {
    name: String,
    servers: Vec<std::process::Child>,
}

impl World {
    /// `test` is the test of the running program that serves the world when it plays that part.
    pub(crate) fn new(test: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cct{}x{number}", std::process::id());
        let mut world = Self {
            name,
            servers: Vec::new(),
        };
        let (host, outside) = (world.host(), world.outside());
        for namespace in [&host, &outside] {
            ip(&["netns", "add", namespace]);
            ip(&["-n", namespace, "link", "set", "lo", "up"]);
        }
        ip(&[
            "-n", &host, "link", "add", "up0", "type", "veth", "peer", "name", "down0", "netns", &outside,
        ]);
        for (namespace, link, four, six) in [
            (&host, "up0", "203.0.113.2/24", "2001:db8::2/64"),
            (&outside, "down0", "203.0.113.1/24", "2001:db8::1/64"),
        ] {
            ip(&["-n", namespace, "addr", "add", four, "dev", link]);
            ip(&["-n", namespace, "addr", "add", six, "dev", link, "nodad"]);
            ip(&["-n", namespace, "link", "set", link, "up"]);
        }
        for address in ADDRESSES {
            ip(&["-n", &outside, "addr", "add", address, "dev", "lo"]);
        }
        ip(&["-n", &host, "route", "add", "default", "via", "203.0.113.1"]);
        ip(&["-n", &host, "-6", "route", "add", "default", "via", "2001:db8::1"]);
        let server = world.play(&outside, test, "world").stdout(Stdio::null()).spawn();
        world.servers.push(server.expect("the world's services"));
        world
    }

    /// This program again, in the host's namespace, running one test as `part`.
    pub(crate) fn as_host(&self, test: &str, part: &str) -> Command {
        self.play(&self.host(), test, part)
    }

    /// A program in the host's namespace.
    pub(crate) fn on_host(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.host())).arg(program);
        command
    }

    fn play(&self, namespace: &str, test: &str, part: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{namespace}"))
            .arg(std::env::current_exe().expect("this program"))
            .args(["--exact", test, "--nocapture"])
            .env(PART, part);
        command
    }

    fn host(&self) -> String {
        format!("{}h", self.name)
    }

    fn outside(&self) -> String {
        format!("{}w", self.name)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        for namespace in [self.host(), self.outside()] {
            let _ = Command::new("ip").args(["netns", "del", &namespace]).status();
        }
    }
}

/// The part that this process plays; `None` in an ordinary run of the tests.
pub(crate) fn part() -> Option<String> {
    std::env::var(PART).ok()
}

/// Serves both families on every address until it is killed; answers `word` to whoever connects.
pub(crate) fn serve(word: &'static str, port: u16) {
    let listener = TcpListener::bind(("::", port)).expect("a port of both families");
    for stream in listener.incoming().flatten() {
        let mut stream = stream;
        let _ = writeln!(stream, "{word}");
    }
}

/// Answers `word` to whoever connects and holds the connection until the other side ends it.
pub(crate) fn hold(word: &'static str, port: u16) {
    let listener = TcpListener::bind(("::", port)).expect("a port of both families");
    for mut stream in listener.incoming().flatten() {
        std::thread::spawn(move || {
            let _ = writeln!(stream, "{word}");
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
    }
}

fn ip(words: &[&str]) {
    let output = Command::new("ip").args(words).output().expect("ip");
    assert!(
        output.status.success(),
        "ip {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
