//! The client's side of a shell.

use std::time::Duration;

use bytes::Bytes;
use circle_core::ids::RunId;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;

use super::connection::Client;
use super::errors::ApiError;
use super::socket::{self, Socket};
use crate::routes::{self, fill};
use crate::shell::ShellMessage;

/// How long the other side may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// A shell in a held cell, or, at the worker's end, the one who typed.
#[derive(Debug)]
pub struct ShellSocket(Socket);

/// What the other side says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShellEvent {
    /// Bytes of the terminal.
    Bytes(Bytes),
    /// Something beside them.
    Said(ShellMessage),
}

impl Client {
    /// Opens a shell in the held cell of a run.
    ///
    /// # Errors
    /// Like every call; a run whose cell is not held is told by [`ShellMessage::Refused`] or a conflict.
    pub async fn shell(&self, run: RunId) -> Result<ShellSocket, ApiError> {
        let socket = socket::open(self, &fill(routes::RUN_SHELL, &[&run.to_string()])).await?;
        Ok(ShellSocket(socket))
    }
}

impl ShellSocket {
    /// Wraps a WebSocket that is open.
    pub fn new(socket: Socket) -> Self {
        Self(socket)
    }

    /// What comes next; `None` when the other side is gone. What is not understood is passed over. Cancel-safe.
    pub async fn next(&mut self) -> Option<ShellEvent> {
        loop {
            match self.0.next().await? {
                Ok(Message::Binary(bytes)) => return Some(ShellEvent::Bytes(bytes)),
                Ok(Message::Text(text)) => {
                    if let Ok(said) = serde_json::from_str(text.as_str()) {
                        return Some(ShellEvent::Said(said));
                    }
                }
                Ok(Message::Close(_)) | Err(_) => return None,
                Ok(_) => {}
            }
        }
    }

    /// Sends bytes of the terminal; `false` when the other side is gone.
    pub async fn write(&mut self, bytes: Bytes) -> bool {
        self.0.send(Message::Binary(bytes)).await.is_ok()
    }

    /// Says something beside them.
    pub async fn say(&mut self, message: &ShellMessage) -> bool {
        match serde_json::to_string(message) {
            Ok(text) => self.0.send(Message::text(text)).await.is_ok(),
            Err(_) => false,
        }
    }

    /// Ends the connection. What the other side still sends is read first: a connection that is dropped with unread bytes
    /// is reset, and the last words are lost with it.
    pub async fn close(mut self) {
        // Whoever is gone already needs no goodbye.
        let _ = self.0.close(None).await;
        let rest = async { while self.next().await.is_some() {} };
        let _ = tokio::time::timeout(GOODBYE, rest).await;
    }
}
