//! Somebody's machine with a Docker engine that is reached by mutual TLS alone, and that reaches this machine over one link.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use circle_cell::conformance::{HostEngine, Reach};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::images::image;

/// Where engines listen for TLS.
const PORT: u16 = 2376;
/// Ten years would do as well: the keys die with the folder.
const DAYS: &str = "-days 2 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

/// A lent engine; dropping it kills it.
#[derive(Debug)]
pub struct Lent {
    engine: Option<HostEngine>,
    link: u8,
    folder: PathBuf,
    /// Ports of this machine that are open on the link.
    open: Vec<u16>,
    doors: JoinSet<()>,
}

impl Lent {
    /// Starts the engine in a folder, with a link whose number no other story has, and loads what carries workers.
    ///
    /// # Errors
    /// When it does not come up.
    pub async fn start(folder: &Path, link: u8) -> Result<Self> {
        fs::create_dir_all(folder)?;
        make_keys(folder, HostEngine::address(link))?;
        let mut lent = Self {
            engine: None,
            link,
            folder: folder.to_path_buf(),
            open: Vec::new(),
            doors: JoinSet::new(),
        };
        lent.start_again().await?;
        lent.engine()?.load(&image("worker-base")?).await;
        Ok(lent)
    }

    /// Starts it again after it was killed, on the same disk.
    ///
    /// # Errors
    /// When a door to this machine cannot be opened again.
    pub async fn start_again(&mut self) -> Result<()> {
        let at = |name: &str| self.folder.join(name).display().to_string();
        let arguments = vec![
            format!("--host=tcp://0.0.0.0:{PORT}"),
            "--tlsverify".to_owned(),
            format!("--tlscacert={}", at("ca.pem")),
            format!("--tlscert={}", at("engine.pem")),
            format!("--tlskey={}", at("engine.key")),
        ];
        let reach = Reach {
            arguments,
            link: Some(self.link),
        };
        self.engine = Some(HostEngine::start(&self.folder.join("engine"), reach).await);
        for port in std::mem::take(&mut self.open) {
            self.open(port).await?;
        }
        Ok(())
    }

    /// Kills it, as a power cut would.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        self.engine.take().context("the engine does not run")?.kill();
        self.doors = JoinSet::new();
        Ok(())
    }

    /// The engine.
    ///
    /// # Errors
    /// When it was killed.
    pub fn engine(&self) -> Result<&HostEngine> {
        self.engine.as_ref().context("the engine does not run")
    }

    /// As `circle host add` wants it.
    pub fn endpoint(&self) -> String {
        format!("tcp://{}:{PORT}", HostEngine::address(self.link))
    }

    /// This machine's address on the link.
    pub fn this_machine(&self) -> Ipv4Addr {
        HostEngine::this_machine(self.link)
    }

    /// A file with the client's certificate, key and the authority; of strangers, whom the engine does not know, or not.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn bundle(&self, client: &str) -> Result<PathBuf> {
        let read = |name: String| fs::read_to_string(self.folder.join(name));
        let parts = [format!("{client}.pem"), format!("{client}.key"), "ca.pem".to_owned()];
        let whole: Result<Vec<String>, _> = parts.into_iter().map(read).collect();
        let path = self.folder.join(format!("{client}.bundle"));
        fs::write(&path, whole?.concat())?;
        Ok(path)
    }

    /// Opens a port of this machine's loopback on the link.
    ///
    /// # Errors
    /// When somebody has it there.
    pub async fn open(&mut self, port: u16) -> Result<()> {
        let listener = TcpListener::bind((self.this_machine(), port)).await?;
        self.open.push(port);
        self.doors.spawn(async move {
            let mut calls = JoinSet::new();
            while let Ok((mut outside, _)) = listener.accept().await {
                calls.spawn(async move {
                    if let Ok(mut inside) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await {
                        let _ = copy_bidirectional(&mut outside, &mut inside).await;
                    }
                });
                while calls.try_join_next().is_some() {}
            }
        });
        Ok(())
    }

    /// Pulls the plug of the link, or puts it in again.
    ///
    /// # Errors
    /// When the machine refuses.
    pub fn set_link(&self, up: bool) -> Result<()> {
        let state = if up { "up" } else { "down" };
        let device = format!("cxh{}", self.link);
        run("ip", &["link", "set", &device, state], &self.folder)
    }
}

/// An authority with the engine's certificate and a client's, and a client of an authority that the engine does not know.
fn make_keys(folder: &Path, engine: Ipv4Addr) -> Result<()> {
    for authority in ["ca", "other"] {
        openssl(
            folder,
            &format!("req -x509 {DAYS} -subj /CN={authority} -keyout {authority}.key -out {authority}.pem"),
        )?;
    }
    let name = format!("subjectAltName=IP:{engine}");
    issue(folder, ("engine", "ca"), &name)?;
    issue(folder, ("client", "ca"), "extendedKeyUsage=clientAuth")?;
    issue(folder, ("stranger", "other"), "extendedKeyUsage=clientAuth")
}

fn issue(folder: &Path, (name, authority): (&str, &str), extension: &str) -> Result<()> {
    let words = format!(
        "req -x509 {DAYS} -subj /CN={name} -CA {authority}.pem -CAkey {authority}.key -addext {extension} \
         -addext basicConstraints=critical,CA:FALSE -keyout {name}.key -out {name}.pem"
    );
    openssl(folder, &words)
}

fn openssl(folder: &Path, words: &str) -> Result<()> {
    let words: Vec<&str> = words.split_whitespace().collect();
    run("openssl", &words, folder)
}

fn run(program: &str, words: &[&str], folder: &Path) -> Result<()> {
    let output = Command::new(program).args(words).current_dir(folder).output();
    let output = output.with_context(|| format!("start {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {words:?}: {said}");
    Ok(())
}
