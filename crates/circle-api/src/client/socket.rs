//! A WebSocket over whatever connection the client's requests use: TCP, TLS or a unix socket.

use std::time::Duration;

use reqwest::header::{CONNECTION, UPGRADE};
use reqwest::{RequestBuilder, Response, StatusCode, Upgraded};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::connection::{CONNECT_SECONDS, Client};
use super::errors::ApiError;
use crate::live::MAX_SERVER_MESSAGE_BYTES;

/// An open WebSocket.
pub type Socket = WebSocketStream<Upgraded>;

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
    let (request, key) = asking(client.upgradable(path)?);
    let response = client.send(request).await?;
    if !agrees(&response, &key) {
        return Err(client.not_understood("it does not speak WebSocket there"));
    }
    let upgraded = response.upgrade().await.map_err(|error| client.unreachable(&error))?;
    Ok(wrapped(upgraded, MAX_SERVER_MESSAGE_BYTES).await)
}

/// Opens a WebSocket by a request that speaks HTTP/1.1, for whoever has credentials of another kind.
///
/// # Errors
/// A sentence: the server is away, or does not agree.
pub async fn open_by(request: RequestBuilder, max_message_bytes: usize) -> Result<Socket, String> {
    let (request, key) = asking(request);
    let response = request.send().await.map_err(|error| error.without_url().to_string())?;
    if !agrees(&response, &key) {
        return Err(format!(
            "the server answers {} in place of a WebSocket",
            response.status()
        ));
    }
    let upgraded = response
        .upgrade()
        .await
        .map_err(|error| error.without_url().to_string())?;
    Ok(wrapped(upgraded, max_message_bytes).await)
}

fn asking(request: RequestBuilder) -> (RequestBuilder, String) {
    let key = generate_key();
    let request = request.header(CONNECTION, "Upgrade").header(UPGRADE, "websocket");
    (request.header(VERSION, "13").header(KEY, &key), key)
}

fn agrees(response: &Response, key: &str) -> bool {
    let accepted = response.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    response.status() == StatusCode::SWITCHING_PROTOCOLS && accepted == Some(&derive_accept_key(key.as_bytes()))
}

async fn wrapped(upgraded: Upgraded, max_message_bytes: usize) -> Socket {
    let config = WebSocketConfig::default()
        .max_message_size(Some(max_message_bytes))
        .max_frame_size(Some(max_message_bytes));
    WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await
}
