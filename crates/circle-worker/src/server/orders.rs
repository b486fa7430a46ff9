//! The orders stream: one line an order; silence means that the connection is dead.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use circle_api::worker::{Order, PING_SECONDS, SecretValue};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use reqwest::Method;

use super::connection::{CallError, Connection, send};

/// A stream that is silent for so long is dead.
const SILENCE: Duration = Duration::from_secs(PING_SECONDS * 3);
/// Until the stream is open.
const OPEN_LIMIT: Duration = Duration::from_secs(15);
/// Longest order.
const MAX_LINE_BYTES: usize = 64 * 1024;

/// An open stream of orders.
pub(crate) struct Orders {
    pieces: BoxStream<'static, Result<Bytes, reqwest::Error>>,
    buffer: BytesMut,
}

impl Orders {
    /// Opens the stream.
    pub(crate) async fn open(connection: &Connection, token: &SecretValue) -> Result<Self, CallError> {
        let opening = send(connection.request(Method::GET, "/orders", token));
        let response = tokio::time::timeout(OPEN_LIMIT, opening)
            .await
            .map_err(|_| CallError::Later("the orders stream does not open".to_owned()))??;
        Ok(Self {
            pieces: response.bytes_stream().boxed(),
            buffer: BytesMut::new(),
        })
    }

    /// The next order; an error ends the stream. Cancel-safe. An order that is not understood is passed over: a newer
    /// server may give orders that this worker does not know.
    pub(crate) async fn next(&mut self) -> Result<Order, CallError> {
        let later = |why: &str| CallError::Later(format!("the orders stream {why}"));
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                match serde_json::from_slice(&line) {
                    Ok(order) => return Ok(order),
                    Err(error) if !line.trim_ascii().is_empty() => {
                        tracing::warn!(%error, "an order was not understood")
                    }
                    Err(_) => {}
                }
                continue;
            }
            if self.buffer.len() > MAX_LINE_BYTES {
                return Err(later("sent a line without an end"));
            }
            match tokio::time::timeout(SILENCE, self.pieces.next()).await {
                Ok(Some(Ok(piece))) => self.buffer.extend_from_slice(&piece),
                Ok(Some(Err(error))) => return Err(later(&format!("broke: {}", error.without_url()))),
                Ok(None) => return Err(later("ended")),
                Err(_) => return Err(later("fell silent")),
            }
        }
    }
}
