//! The few calls of the Docker Engine API that the lab needs, over a unix socket.

use std::path::Path;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::LabError;

/// Sends one request and gives the answer's JSON; an empty answer is `null`.
///
/// # Errors
/// [`LabError::Engine`] with the engine's own words, [`LabError::Io`] when it cannot be reached.
pub(crate) async fn call(socket: &Path, method: Method, path: &str, body: &Value) -> Result<Value, LabError> {
    let what = format!("{method} {path}");
    let stream = UnixStream::connect(socket)
        .await
        .map_err(|source| LabError::io("reach the Swarm's engine", source))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&what, &error))?;
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "engine")
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(text)))
        .map_err(|error| LabError::io(&what, std::io::Error::other(error)))?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| broken(&what, &error))?;
    let status = response.status();
    let bytes = response
        .into_body()
        .collect()
        .await
        .map_err(|error| broken(&what, &error))?
        .to_bytes();
    if !status.is_success() {
        let body = String::from_utf8_lossy(&bytes).trim().to_owned();
        return Err(LabError::Engine {
            what,
            status: status.as_u16(),
            body,
        });
    }
    Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

fn broken(what: &str, error: &hyper::Error) -> LabError {
    LabError::io(what, std::io::Error::other(error.to_string()))
}
