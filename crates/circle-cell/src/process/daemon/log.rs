//! What the daemon writes to its log: the last of it in memory for error messages, more of it in a bounded file.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::net::unix::pipe;

/// Kept in memory, in bytes.
const KEPT: usize = 16 * 1024;
/// The file starts again when it has grown to this.
const LONGEST_FILE: u64 = 1024 * 1024;
/// Lines that an error message quotes.
const QUOTED_LINES: usize = 6;

/// The end of a daemon's log.
#[derive(Debug, Clone, Default)]
pub(crate) struct DaemonLog(Arc<Mutex<VecDeque<u8>>>);

impl DaemonLog {
    /// The last lines, for an error message.
    pub(crate) fn last_words(&self) -> String {
        let kept: Vec<u8> = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .copied()
            .collect();
        let text = String::from_utf8_lossy(&kept);
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = &lines[lines.len().saturating_sub(QUOTED_LINES)..];
        if last.is_empty() {
            "its log is empty".to_owned()
        } else {
            format!("its log ends: {}", last.join(" | "))
        }
    }

    fn keep(&self, bytes: &[u8]) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend(bytes);
        let surplus = kept.len().saturating_sub(KEPT);
        kept.drain(..surplus);
    }
}

/// Reads the log until the last writer is gone.
pub(crate) async fn collect(mut pipe: pipe::Receiver, path: PathBuf, log: DaemonLog) {
    let mut file = File::create(&path).await.ok();
    let mut written = 0;
    let mut buffer = vec![0; 8 * 1024];
    while let Ok(length @ 1..) = pipe.read(&mut buffer).await {
        log.keep(&buffer[..length]);
        if let Some(open) = &mut file
            && append(open, &mut written, &buffer[..length]).await.is_err()
        {
            // The memory has the end of it; a full disk says so elsewhere.
            file = None;
        }
    }
}

async fn append(file: &mut File, written: &mut u64, bytes: &[u8]) -> io::Result<()> {
    if *written > LONGEST_FILE {
        file.set_len(0).await?;
        file.rewind().await?;
        *written = 0;
    }
    *written += bytes.len() as u64;
    file.write_all(bytes).await
}

#[cfg(test)]
mod tests {
    use super::{DaemonLog, KEPT};

    #[test]
    fn the_last_lines_are_quoted() {
        let log = DaemonLog::default();
        assert_eq!(log.last_words(), "its log is empty");
        log.keep("x\n".repeat(KEPT).as_bytes());
        log.keep(b"first cause\n\nlast word\n");
        assert_eq!(
            log.last_words(),
            "its log ends: x | x | x | x | first cause | last word"
        );
    }
}
