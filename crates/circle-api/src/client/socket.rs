//! A WebSocket over whatever connection the client's requests use: TCP, TLS or a unix socket.

use std::time::Duration;

use reqwest::header::{CONNECTION, UPGRADE};
use reqwest::{StatusCode, Upgraded};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::connection::{CONNECT_SECONDS, Client};
use super::errors::ApiError;
use crate::live::MAX_SERVER_MESSAGE_BYTES;

/// An open WebSocket.
pub(super) type Socket = WebSocketStream<Upgraded>;

const KEY: &str = "sec-websocket-key";
const ACCEPT: &str = "sec-websocket-accept";
const VERSION: &str = "sec-websocket-version";

/// Opens a WebSocket at a path (RFC 6455, section 4.1).
pub(super) async fn open(client: &Client, path: &str) -> Result<Socket, ApiError> {
    let limit = Duration::from_secs(CONNECT_SECONDS);
    tokio::time::timeout(limit, shake_hands(client, path))
        .await
        .unwrap_or_else(|_| {
            let reason = format!("no WebSocket within {CONNECT_SECONDS} s");
            Err(ApiError::Unreachable {
                endpoint: client.endpoint().to_string(),
                reason,
            })
        })
}

async fn shake_hands(client: &Client, path: &str) -> Result<Socket, ApiError> {
    let key = generate_key();
    let request = client
        .upgradable(path)?
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket");
    let response = client.send(request.header(VERSION, "13").header(KEY, &key)).await?;
    let accepted = response.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    if response.status() != StatusCode::SWITCHING_PROTOCOLS || accepted != Some(&derive_accept_key(key.as_bytes())) {
        return Err(client.not_understood("it does not speak WebSocket there"));
    }
    let upgraded = response.upgrade().await.map_err(|error| client.unreachable(&error))?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_SERVER_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_SERVER_MESSAGE_BYTES));
    Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await)
}
