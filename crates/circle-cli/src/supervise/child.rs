//! One life of one child process.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct ChildSpec {
    /// For the log: `server`, `worker`.
    pub(crate) name: &'static str,
    /// Program and arguments.
    pub(crate) command: Vec<OsString>,
    /// Variables that the child does not inherit.
    pub(crate) without: &'static [&'static str],
}

/// How a life ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// As was wished.
    Stopped,
    /// By itself.
    Died(ExitStatus),
}

/// Runs the child until it dies or is told to stop; then it gets SIGTERM, and SIGKILL after `grace`.
pub(super) async fn live(spec: &ChildSpec, grace: Duration, stop: &CancellationToken) -> io::Result<Ending> {
    let mut child = start(spec)?;
    tokio::select! {
        status = child.wait() => return status.map(Ending::Died),
        () = stop.cancelled() => {}
    }
    signal(&child, Signal::SIGTERM);
    if tokio::time::timeout(grace, child.wait()).await.is_err() {
        tracing::warn!(
            child = spec.name,
            grace_s = grace.as_secs(),
            "a child did not end in time and is killed"
        );
        child.kill().await?;
    }
    Ok(Ending::Stopped)
}

/// In a process group of its own: Ctrl-C at the terminal reaches the supervisor alone, which ends its children in order.
fn start(spec: &ChildSpec) -> io::Result<Child> {
    let (program, arguments) = spec
        .command
        .split_first()
        .ok_or_else(|| io::Error::other("a child needs a program"))?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    for name in spec.without {
        command.env_remove(name);
    }
    command.spawn()
}

fn signal(child: &Child, signal: Signal) {
    let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) else {
        return;
    };
    if let Err(error) = kill(Pid::from_raw(pid), signal) {
        tracing::debug!(pid, %error, "the child had ended already");
    }
}

/// `exit code 2`, `signal 9`.
pub(super) fn said(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown end".into(),
    }
}
