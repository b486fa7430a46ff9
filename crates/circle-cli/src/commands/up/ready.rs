//! Waiting until Circle can be used, and saying so.

use std::path::Path;
use std::time::Duration;

use circle_api::client::{Client, Endpoint};
use circle_api::worker::SecretValue;
use tokio::time::Instant;

use crate::config::{SOCKET, TOKEN_FILE};
use crate::context::Context;
use crate::exit::Failure;

/// Until the server answers; a large history is opened in well under a second.
const SERVER_LIMIT: Duration = Duration::from_secs(60);
/// Until the worker is connected; the first start makes keys, pools and cells.
const WORKER_LIMIT: Duration = Duration::from_secs(120);
/// What every administrator's token begins with.
const TOKEN_PREFIX: &str = "circle_admin_";
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// A client with the administrator's token, once the server answers.
pub(super) async fn server(data: &Path) -> anyhow::Result<Client> {
    let until = Instant::now() + SERVER_LIMIT;
    loop {
        let last = match try_server(data).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        if Instant::now() >= until {
            let limit = SERVER_LIMIT.as_secs();
            return Err(Failure::broken(format!("the server does not answer within {limit} s: {last}")).into());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn try_server(data: &Path) -> anyhow::Result<Client> {
    let token = std::fs::read_to_string(data.join(TOKEN_FILE))?;
    // This process is root and the folder is the server's, who is not: no other file is sent, wherever a link leads.
    anyhow::ensure!(
        token.starts_with(TOKEN_PREFIX),
        "{TOKEN_FILE} holds no administrator's token"
    );
    let client = Client::new(Endpoint::Unix(data.join(SOCKET)), Some(&SecretValue::new(token.trim())))?;
    client.health().await?;
    Ok(client)
}

/// Waits until a worker is connected.
pub(super) async fn worker(client: &Client) -> anyhow::Result<()> {
    let until = Instant::now() + WORKER_LIMIT;
    while client.server().await?.connected_workers == 0 {
        if Instant::now() >= until {
            let limit = WORKER_LIMIT.as_secs();
            return Err(Failure::broken(format!("the worker does not reach the server within {limit} s")).into());
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// One line that says where Circle is, and how to look around.
pub(super) async fn announce(context: &Context, client: &Client, data: &Path) -> anyhow::Result<()> {
    let server = client.server().await?;
    let token_file = data.join(TOKEN_FILE);
    if context.printer.json {
        return context.printer.event(&serde_json::json!({
            "event": "ready", "url": server.url, "socket": data.join(SOCKET), "token_file": token_file,
        }));
    }
    context.printer.line(&format!(
        "Circle {} is ready at {}; the administrator's token is in {}; look around with: circle service --help, circle runs",
        server.version,
        server.url,
        token_file.display(),
    ))
}
