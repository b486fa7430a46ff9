//! Processes beside the containers: of this machine, of the caller's user, each with a process group of its own.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use nix::sys::signal::{Signal as KillSignal, killpg};
use nix::unistd::Pid;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::carrier::Signal;
use crate::ending::OrderedEnd;
use crate::tasks::Tasks;
use crate::{CellError, CellId, Exit, InCell, InCellChild};

/// The living processes of one cell. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Children {
    groups: Arc<Mutex<BTreeSet<i32>>>,
    tasks: Arc<Tasks>,
}

/// One of them, as it is killed.
#[derive(Debug)]
struct Group {
    leader: i32,
    groups: Arc<Mutex<BTreeSet<i32>>>,
    ending: OrderedEnd,
    id: CellId,
}

impl Children {
    /// Starts a process. What it may see and whose it is cannot be bounded without root.
    pub(super) fn start(&self, command: InCell, ending: OrderedEnd, id: &CellId) -> io::Result<InCellChild> {
        let (program, args) = command
            .argv
            .split_first()
            .ok_or_else(|| io::Error::other("there is no program to start"))?;
        let mut child = Command::new(program)
            .args(args)
            .env_clear()
            .envs(command.environment)
            .current_dir(&command.directory)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdin, stdout, stderr) = pipes(&mut child)?;
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).unwrap_or_default();
        self.lock().insert(leader);
        let (ended, exit) = watch::channel(None);
        let groups = self.groups.clone();
        self.tasks.spawn(async move {
            let status = child.wait().await;
            groups.lock().unwrap_or_else(PoisonError::into_inner).remove(&leader);
            ended.send_replace(Some(status.map_or(Exit::Signal(9), exit_of)));
        });
        Ok(InCellChild {
            stdin: Some(stdin),
            stdout: Some(stdout),
            stderr: Some(stderr),
            exit,
            signal: Box::new(Group {
                leader,
                groups: self.groups.clone(),
                ending,
                id: id.clone(),
            }),
        })
    }

    /// Kills all of them, with what they started.
    pub(super) fn kill_all(&self) {
        for leader in self.lock().iter() {
            let _ = killpg(Pid::from_raw(*leader), KillSignal::SIGKILL);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<i32>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn pipes(child: &mut Child) -> io::Result<(pipe::Sender, pipe::Receiver, pipe::Receiver)> {
    let missing = || io::Error::other("a process has no pipes");
    let stdin = child.stdin.take().ok_or_else(missing)?.into_owned_fd()?;
    let stdout = child.stdout.take().ok_or_else(missing)?.into_owned_fd()?;
    let stderr = child.stderr.take().ok_or_else(missing)?.into_owned_fd()?;
    Ok((
        pipe::Sender::from_owned_fd(stdin)?,
        pipe::Receiver::from_owned_fd(stdout)?,
        pipe::Receiver::from_owned_fd(stderr)?,
    ))
}

fn exit_of(status: ExitStatus) -> Exit {
    match status.code() {
        Some(code) => Exit::Code(code),
        None => Exit::Signal(status.signal().unwrap_or(9)),
    }
}

#[async_trait]
impl Signal for Group {
    async fn kill(&self) -> Result<(), CellError> {
        // The number may be somebody else's once the process is reaped.
        let groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.contains(&self.leader) {
            let _ = killpg(Pid::from_raw(self.leader), KillSignal::SIGKILL);
        }
        Ok(())
    }

    fn dead(&self) -> CellError {
        CellError::Dead {
            id: self.id.clone(),
            reason: self.ending.reason(),
        }
    }
}
