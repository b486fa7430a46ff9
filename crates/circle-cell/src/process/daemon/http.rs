//! The few requests that Circle's cells make of their daemon, over HTTP/1.0 on its socket; whoever uses a cell speaks
//! with the daemon through a full client.

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// A daemon that lives answers a ping in about a millisecond.
const PING_DEADLINE: Duration = Duration::from_secs(2);
/// Between two looks for the socket of a daemon that starts.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(20);
/// An image of some gigabytes is unpacked well within this.
const LOAD_DEADLINE: Duration = Duration::from_secs(600);
/// A network takes a daemon a tenth of a second.
const NETWORK_DEADLINE: Duration = Duration::from_secs(30);
/// The answer to a load is a few lines of progress.
const LONGEST_ANSWER: u64 = 256 * 1024;

/// Asks the daemon once whether it answers.
pub(crate) async fn ping(socket: &Path) -> io::Result<()> {
    let asked = tokio::time::timeout(PING_DEADLINE, async {
        let mut stream = UnixStream::connect(socket).await?;
        stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: cell\r\n\r\n").await?;
        read_answer(stream).await.map(drop)
    });
    asked
        .await
        .map_err(|_| io::Error::other(format!("the daemon does not answer within {PING_DEADLINE:?}")))?
}

/// Waits until the daemon answers; the caller sets the deadline.
pub(crate) async fn wait_until_ready(socket: &Path) {
    let mut pause = FIRST_PAUSE;
    while ping(socket).await.is_err() {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Loads a Docker archive.
pub(crate) async fn load_image(socket: &Path, archive: &Path) -> io::Result<()> {
    let loaded = tokio::time::timeout(LOAD_DEADLINE, async {
        let mut file = File::open(archive).await?;
        let length = file.metadata().await?.len();
        let mut stream = UnixStream::connect(socket).await?;
        let head = format!(
            "POST /images/load?quiet=1 HTTP/1.0\r\nHost: cell\r\nContent-Type: application/x-tar\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        // A daemon that refuses closes early; its answer says why.
        let sent = tokio::io::copy(&mut file, &mut stream).await;
        let answer = read_answer(stream).await?;
        sent?;
        match answer.find("\"errorDetail\"") {
            Some(place) => Err(io::Error::other(answer[place..].trim().to_owned())),
            None => Ok(()),
        }
    });
    loaded
        .await
        .map_err(|_| io::Error::other(format!("the image is not loaded within {LOAD_DEADLINE:?}")))?
}

/// Makes a bridge of this name, unless there is one.
pub(crate) async fn make_network(socket: &Path, name: &str) -> io::Result<()> {
    let made = tokio::time::timeout(NETWORK_DEADLINE, async {
        let body = serde_json::json!({"Name": name, "CheckDuplicate": true}).to_string();
        let mut stream = UnixStream::connect(socket).await?;
        let head = format!(
            "POST /networks/create HTTP/1.0\r\nHost: cell\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).await?;
        match read_answer(stream).await {
            Err(error) if error.to_string().contains("answers 409") => Ok(()),
            other => other.map(drop),
        }
    });
    made.await
        .map_err(|_| io::Error::other(format!("the network is not made within {NETWORK_DEADLINE:?}")))?
}

/// Reads the answer to its end; anything but success is an error with what the daemon says.
async fn read_answer(stream: UnixStream) -> io::Result<String> {
    let mut answer = Vec::new();
    stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split(' ').nth(1) {
        Some("200" | "201") => Ok(body.to_owned()),
        Some(code) => Err(io::Error::other(format!("the daemon answers {code}: {}", body.trim()))),
        None => Err(io::Error::other("the daemon's answer is not HTTP")),
    }
}
