//! `git daemon`.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Serves `<folder>/bare`; killed with its handle.
pub(crate) struct Daemon {
    child: Child,
    port: u16,
}

impl Daemon {
    pub(crate) fn start(folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|socket| socket.local_addr())
            .expect("a free port")
            .port();
        let bare = folder.join("bare");
        std::fs::create_dir_all(&bare).expect("a folder");
        let programs = super::git(folder, &["--exec-path"]);
        let child = Command::new("setpriv")
            .args([
                "--pdeathsig",
                "KILL",
                &format!("{programs}/git-daemon"),
                "--export-all",
                "--reuseaddr",
            ])
            .args(["--listen=127.0.0.1", &format!("--port={port}")])
            .arg(format!("--base-path={}", bare.display()))
            .arg(&bare)
            .stderr(Stdio::null())
            .spawn()
            .expect("git daemon starts");
        let daemon = Self { child, port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "git daemon does not accept on port {port}"
            );
            std::thread::yield_now();
        }
        daemon
    }

    pub(crate) fn url(&self, name: &str) -> String {
        format!("git://127.0.0.1:{}/{name}.git", self.port)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it can be waited for");
    }
}
