//! Processes inside a cell that are not containers: a checkout, a helper.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;
use serde::{Deserialize, Serialize};
use tokio::net::unix::pipe;
use tokio::sync::watch;

use crate::carrier::Signal;
use crate::{CellError, Owner};

/// A process to be started inside a cell: an argument vector, never a shell, and nothing inherited.
#[derive(Debug, Clone)]
pub struct InCell {
    /// The program (an absolute path inside the cell) and its arguments.
    pub argv: Vec<OsString>,
    /// The whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The working directory inside the cell.
    pub directory: PathBuf,
    /// Who it runs as, without capabilities. `None`: root of the cell, for trusted helpers only.
    pub user: Option<Owner>,
    /// What it sees of the file system.
    pub sight: Sight,
}

/// What a process inside a cell sees of the file system.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Sight {
    /// What the daemon sees: the cell's folders and the read-only programs.
    #[default]
    Cell,
    /// The read-only programs, certificates, `/dev/null` and its like, an empty `/tmp`, and these folders, which it
    /// may write as far as their owners let it.
    Only(Vec<PathBuf>),
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// Whether it ended with code 0.
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }
}

impl InCell {
    /// A process with an empty environment that runs as `user` in `/`.
    pub fn new(user: Option<Owner>, argv: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            directory: PathBuf::from("/"),
            user,
            sight: Sight::Cell,
        }
    }
}

/// A started process. Dropping it neither stops nor awaits it: it ends at the latest with its cell.
#[derive(Debug)]
pub struct InCellChild {
    /// Its standard input; drop it to end the input.
    pub stdin: Option<pipe::Sender>,
    /// Its standard output.
    pub stdout: Option<pipe::Receiver>,
    /// Its standard error.
    pub stderr: Option<pipe::Receiver>,
    pub(crate) exit: watch::Receiver<Option<Exit>>,
    pub(crate) signal: Box<dyn Signal>,
}

impl InCellChild {
    /// Waits for the end. Fails when the cell dies first.
    pub async fn wait(&mut self) -> Result<Exit, CellError> {
        self.stdin = None;
        match self.exit.wait_for(Option::is_some).await {
            Ok(exit) => Ok(exit.unwrap_or(Exit::Signal(9))),
            Err(_) => Err(self.signal.dead()),
        }
    }

    /// Kills the process and everything in its session's process group.
    pub async fn kill(&self) -> Result<(), CellError> {
        self.signal.kill().await
    }
}

/// The pipes of a process: what it gets as its input, output and errors, and our ends of them.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) theirs: Vec<OwnedFd>,
    pub(crate) stdin: pipe::Sender,
    pub(crate) stdout: pipe::Receiver,
    pub(crate) stderr: pipe::Receiver,
}

impl Pipes {
    pub(crate) fn new() -> io::Result<Self> {
        let pair = || pipe2(OFlag::O_CLOEXEC);
        let ((input, stdin), (stdout, output), (stderr, errors)) = (pair()?, pair()?, pair()?);
        Ok(Self {
            theirs: vec![input, output, errors],
            stdin: pipe::Sender::from_owned_fd(stdin)?,
            stdout: pipe::Receiver::from_owned_fd(stdout)?,
            stderr: pipe::Receiver::from_owned_fd(stderr)?,
        })
    }
}
