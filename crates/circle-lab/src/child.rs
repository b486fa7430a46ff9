//! A server process that lives as long as its handle.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::process::Command;

/// Longest wait for a server to accept its first connection.
const START_LIMIT: Duration = Duration::from_secs(15);
/// Between two attempts to connect to a server that starts.
const PROBE_PERIOD: Duration = Duration::from_millis(20);
/// How much of a dead server's log is quoted, in bytes.
const QUOTE_BYTES: usize = 2_000;

/// Why a server of the lab is not there.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The program is not installed.
    #[error("{program} is not installed: run `make setup`")]
    Missing { program: String },
    /// The program ended before it was ready.
    #[error("{program} ended before it was ready; the end of its log: {log}")]
    Ended { program: String, log: String },
    /// It did not accept in time.
    #[error("{program} did not accept connections on port {port} within 15 s")]
    NotReady { program: String, port: u16 },
    /// A command of git failed.
    #[error("git {what} failed: {stderr}")]
    Git { what: String, stderr: String },
    /// The engine of the Swarm said no.
    #[error("the Swarm's engine answered {status} to {what}: {body}")]
    Engine { what: String, status: u16, body: String },
    /// A deployed service answered something else than 200.
    #[error("{address} answered \"{status}\"")]
    Status { address: String, status: String },
    /// A story of the page did not go as written.
    #[error("the browser's story {story}: {said}")]
    Story { story: String, said: String },
    /// A cell for the Swarm could not be made.
    #[error("no cell for the Swarm")]
    Cell(#[from] circle_cell::CellError),
    /// A file or socket.
    #[error("could not {what}")]
    Io { what: String, source: std::io::Error },
}

impl LabError {
    pub(crate) fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Self::Io {
            what: what.into(),
            source,
        }
    }
}

/// A running server; dropping it kills the process.
#[derive(Debug)]
pub struct Child {
    program: String,
    log: PathBuf,
    process: tokio::process::Child,
}

impl Child {
    /// Starts a program with its output in `log`. It has a process group of its own, so that a Ctrl-C at the terminal
    /// reaches only the one who ends things in order, and it dies with the thread that started it (`setpriv` of
    /// util-linux asks the kernel for that), so that a killed test leaves nothing behind.
    ///
    /// # Errors
    /// [`LabError::Missing`] when it is not installed.
    pub fn start<A: AsRef<OsStr>>(
        program: &str,
        arguments: impl IntoIterator<Item = A>,
        log: &Path,
    ) -> Result<Self, LabError> {
        let file = File::create(log).map_err(|source| LabError::io(format!("write {}", log.display()), source))?;
        let errors = file
            .try_clone()
            .map_err(|source| LabError::io("share the log", source))?;
        if !is_installed(program) {
            return Err(LabError::Missing {
                program: program.to_owned(),
            });
        }
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", program])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| LabError::io(format!("start {program}"), source))?;
        Ok(Self {
            program: program.to_owned(),
            log: log.to_owned(),
            process,
        })
    }

    /// Waits until the server accepts on this port of loopback.
    ///
    /// # Errors
    /// [`LabError::Ended`] with the end of its log, or [`LabError::NotReady`].
    pub async fn accepts(&mut self, port: u16) -> Result<(), LabError> {
        let start = Instant::now();
        while start.elapsed() < START_LIMIT {
            if TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(());
            }
            if self
                .process
                .try_wait()
                .map_err(|source| LabError::io("watch a server", source))?
                .is_some()
            {
                return Err(LabError::Ended {
                    program: self.program.clone(),
                    log: self.log_end(),
                });
            }
            tokio::time::sleep(PROBE_PERIOD).await;
        }
        Err(LabError::NotReady {
            program: self.program.clone(),
            port,
        })
    }

    /// Kills the server now and waits until it is gone.
    ///
    /// # Errors
    /// [`LabError::Io`] when it cannot be waited for.
    pub async fn kill(&mut self) -> Result<(), LabError> {
        self.process
            .kill()
            .await
            .map_err(|source| LabError::io(format!("kill {}", self.program), source))
    }

    /// Waits until the server has ended by itself.
    ///
    /// # Errors
    /// [`LabError::Io`] when it cannot be waited for.
    pub async fn wait(&mut self) -> Result<std::process::ExitStatus, LabError> {
        self.process
            .wait()
            .await
            .map_err(|source| LabError::io(format!("wait for {}", self.program), source))
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// The last lines of its log.
    pub fn log_end(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(QUOTE_BYTES)..])
            .trim()
            .to_owned()
    }
}

/// Whether a program is there, by path or by name.
fn is_installed(program: &str) -> bool {
    let candidate = Path::new(program);
    if candidate.is_absolute() {
        return candidate.is_file();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}
