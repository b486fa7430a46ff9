//! Runs one of the system's programs (`ip`, `iptables`, `btrfs`) with an input and a deadline.

use std::io;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// The system's programs answer in milliseconds; one that waits for a lock longer than this has a problem of its own.
const DEADLINE: Duration = Duration::from_secs(10);
const SEARCH_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs the program to its end and returns what it printed. A failure is an error with what it complained.
pub(crate) async fn run_tool(program: &str, arguments: &[&str], input: &[u8]) -> io::Result<Vec<u8>> {
    run_tool_within(DEADLINE, program, arguments, input).await
}

/// The same with another deadline, for programs that move data.
pub(crate) async fn run_tool_within(
    deadline: Duration,
    program: &str,
    arguments: &[&str],
    input: &[u8],
) -> io::Result<Vec<u8>> {
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", SEARCH_PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that does not read its input says why on its standard error.
        let _ = stdin.write_all(input).await;
    }
    let ended = tokio::time::timeout(deadline, child.wait_with_output()).await;
    let output = ended.map_err(|_| io::Error::other(format!("{program} did not end within {deadline:?}")))??;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(io::Error::other(format!(
        "{program} {}: {complaint}",
        arguments.join(" ")
    )))
}

/// Whether one of the system's programs is installed.
pub(crate) fn has_tool(program: &str) -> bool {
    SEARCH_PATH
        .split(':')
        .any(|folder| std::path::Path::new(folder).join(program).exists())
}
