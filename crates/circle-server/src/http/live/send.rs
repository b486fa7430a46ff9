//! The sending half: nothing is sent into a full window, nobody is waited for longer than promised.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use circle_api::live::{STALLED_SECONDS, ServerMessage};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: &'static str,
}

/// Sends, each message within the time that a stalled client has.
#[derive(Debug)]
pub(super) struct Sender(pub(super) SplitSink<WebSocket, Message>);

impl Sender {
    /// `Err` when the peer is gone or takes nothing.
    pub(super) async fn say(&mut self, message: &ServerMessage) -> Result<(), Close> {
        let text = serde_json::to_string(message).expect("a message of plain fields is always JSON");
        self.send(Message::Text(text.into())).await
    }

    /// Frames of a log.
    pub(super) async fn frames(&mut self, bytes: Bytes) -> Result<(), Close> {
        self.send(Message::Binary(bytes)).await
    }

    /// Keeps proxies from closing a quiet connection.
    pub(super) async fn ping(&mut self) -> Result<(), Close> {
        self.send(Message::Ping(Bytes::new())).await
    }

    /// Says goodbye; the peer may be gone already.
    pub(super) async fn close(mut self, close: Close) {
        let frame = CloseFrame {
            code: close.code,
            reason: Utf8Bytes::from_static(close.reason),
        };
        let _ = self.send(Message::Close(Some(frame))).await;
    }

    async fn send(&mut self, message: Message) -> Result<(), Close> {
        let limit = Duration::from_secs(STALLED_SECONDS);
        match tokio::time::timeout(limit, self.0.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Close {
                code: 1006,
                reason: "the peer is gone",
            }),
            Err(_) => Err(Close {
                code: circle_api::live::CLOSE_SLOW,
                reason: "nothing was read for too long",
            }),
        }
    }
}
