//! A visitor of a deployed service.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::LabError;

/// Longest wait for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// GETs a path over plain HTTP and gives the body of a 200.
///
/// # Errors
/// [`LabError::Io`] when nothing answers within 5 s, [`LabError::Status`] for any other answer than 200.
pub async fn visit(address: Ipv4Addr, port: u16, path: &str) -> Result<String, LabError> {
    let whole = tokio::time::timeout(ANSWER_LIMIT, exchange(address, port, path)).await;
    let answer = match whole {
        Ok(answer) => answer.map_err(|source| LabError::io(format!("visit {address}:{port}"), source))?,
        Err(_) => {
            return Err(LabError::io(
                format!("visit {address}:{port}"),
                std::io::ErrorKind::TimedOut.into(),
            ));
        }
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer.as_str(), ""));
    let status = head.lines().next().unwrap_or_default().to_owned();
    if status.split(' ').nth(1) == Some("200") {
        Ok(body.trim_end().to_owned())
    } else {
        Err(LabError::Status {
            address: format!("{address}:{port}{path}"),
            status,
        })
    }
}

async fn exchange(address: Ipv4Addr, port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect((address, port)).await?;
    stream
        .write_all(format!("GET {path} HTTP/1.0\r\nhost: {address}\r\n\r\n").as_bytes())
        .await?;
    let mut text = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
