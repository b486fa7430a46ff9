//! The runner of the server: a child process without privileges to gain, in a group that dies as a whole.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use async_trait::async_trait;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

use crate::git::{GitStep, StepOutput, StepRunner};

/// Bounds of one child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunLimits {
    /// Standard output that is kept; more ends the child, in bytes.
    pub stdout_bytes: usize,
    /// The largest file that git may write: its packs, in bytes.
    pub file_bytes: u64,
}

/// Standard error that is kept, in bytes; the rest is read and dropped.
const STDERR_BYTES: usize = 64 * 1024;

/// Runs git in a folder of this machine.
#[derive(Debug, Clone)]
pub struct LocalRunner {
    folder: PathBuf,
    limits: RunLimits,
}

impl Default for RunLimits {
    /// 4 MiB of output, 2 GiB of one file.
    fn default() -> Self {
        Self {
            stdout_bytes: 4 * 1024 * 1024,
            file_bytes: 2 * 1024 * 1024 * 1024,
        }
    }
}

impl LocalRunner {
    /// Runs in `folder`.
    pub fn new(folder: &Path, limits: RunLimits) -> Self {
        Self {
            folder: folder.to_owned(),
            limits,
        }
    }

    /// The same with another bound on what is printed.
    pub(crate) fn keeping(&self, stdout_bytes: usize) -> Self {
        Self {
            folder: self.folder.clone(),
            limits: RunLimits {
                stdout_bytes,
                ..self.limits
            },
        }
    }

    /// `setpriv` and `prlimit` of util-linux set what only a child can set for itself: no new privileges, death with
    /// the server, a bound on file sizes, no core dumps.
    fn command(&self, step: &GitStep) -> Command {
        let bytes = self.limits.file_bytes;
        let mut command = Command::new("setpriv");
        command
            .args(["--no-new-privs", "--pdeathsig", "KILL", "prlimit"])
            .args([format!("--fsize={bytes}:{bytes}"), "--core=0:0".into()])
            .args(&step.argv)
            .env_clear()
            .envs(step.env.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

#[async_trait]
impl StepRunner for LocalRunner {
    async fn run(&mut self, step: &GitStep) -> std::io::Result<StepOutput> {
        let mut child = self.command(step).spawn()?;
        let group = Group::of(&child);
        let limit = tokio::time::timeout(step.limit, collect(&mut child, self.limits.stdout_bytes)).await;
        // Whatever git left running in its group ends here, also when this future is dropped above.
        drop(group);
        match limit {
            Ok(output) => output,
            Err(_) => {
                child.wait().await?;
                Ok(StepOutput {
                    timed_out: true,
                    ..StepOutput::default()
                })
            }
        }
    }
}

/// Reads both ends side by side; stops as soon as standard output is over its bound.
async fn collect(child: &mut Child, limit: usize) -> std::io::Result<StepOutput> {
    let (out, errors) = (child.stdout.take(), child.stderr.take());
    let stdout = async {
        let mut kept = Vec::new();
        if let Some(out) = out {
            out.take(limit as u64 + 1).read_to_end(&mut kept).await?;
        }
        std::io::Result::Ok(kept)
    };
    let stderr = async {
        if let Some(errors) = errors {
            drain(errors).await
        } else {
            Ok(Vec::new())
        }
    };
    tokio::pin!(stderr);
    let mut stderr_kept = None;
    tokio::pin!(stdout);
    let stdout_kept = loop {
        tokio::select! {
            kept = &mut stdout => break kept?,
            kept = &mut stderr, if stderr_kept.is_none() => stderr_kept = Some(kept?),
        }
    };
    if stdout_kept.len() > limit {
        return Ok(StepOutput {
            cut: true,
            ..StepOutput::default()
        });
    }
    let stderr = match stderr_kept {
        Some(kept) => kept,
        None => stderr.await?,
    };
    let status = child.wait().await?;
    Ok(StepOutput {
        code: status.code(),
        stdout: stdout_kept,
        stderr,
        timed_out: false,
        cut: false,
    })
}

/// Reads to the end and keeps the beginning, where git's first error stands.
async fn drain(mut from: impl AsyncRead + Unpin) -> std::io::Result<Vec<u8>> {
    let mut kept = Vec::new();
    let mut piece = vec![0; 8 * 1024];
    loop {
        let count = from.read(&mut piece).await?;
        if count == 0 {
            return Ok(kept);
        }
        let room = STDERR_BYTES.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&piece[..room]);
    }
}

/// The child's process group; dropping it kills the group.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // A group that is gone already is what is wanted.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}
