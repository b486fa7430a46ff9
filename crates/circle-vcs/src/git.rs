//! One command of git as data, and the port by which somebody runs it.

use std::time::Duration;

use async_trait::async_trait;

/// One command: run it in the work tree, without standard input, with this environment and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitStep {
    /// What it does, for messages: `fetch the commit`.
    pub what: &'static str,
    /// Never empty; the first word is a program of `/usr/bin`: `git`, or `ssh-agent` around it.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: Vec<(String, String)>,
    /// It is killed, with all it started, after so long.
    pub limit: Duration,
}

/// What a command left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepOutput {
    /// `None` = ended by a signal.
    pub code: Option<i32>,
    /// At most what the runner keeps.
    pub stdout: Vec<u8>,
    /// At most what the runner keeps.
    pub stderr: Vec<u8>,
    /// It was killed at its limit.
    pub timed_out: bool,
    /// More came out than the runner keeps.
    pub cut: bool,
}

/// Runs steps: a worker inside a cell, the server as a child process.
///
/// Promises of every adapter: exactly the step's environment; no standard input; a process group of its own that is
/// killed whole at the limit and when the future is dropped.
#[async_trait]
pub trait StepRunner: Send {
    /// Runs one step to its end.
    ///
    /// # Errors
    /// Only when the program could not be started or watched; how git ended stands in the output.
    async fn run(&mut self, step: &GitStep) -> std::io::Result<StepOutput>;
}

impl StepOutput {
    /// Whether git ended well and whole.
    pub fn is_success(&self) -> bool {
        self.code == Some(0) && !self.timed_out && !self.cut
    }

    /// Standard output as text, without white space around it.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim().to_owned()
    }
}
