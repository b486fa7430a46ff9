//! Messages from one end of a shell to the other.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use circle_api::shell::{ANSWER_SECONDS, HOLD_SECONDS, ShellMessage};
use circle_api::worker::Order;

use crate::records::ShellRecord;
use crate::server::Server;
use crate::time::now_ms;

/// How long a side may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Asks the worker, passes messages until one side leaves, and writes down how it ended.
pub(super) async fn serve(server: Arc<Server>, record: ShellRecord, mut person: WebSocket) {
    let mut worker = meet(&server, &record).await;
    let ended = match &mut worker {
        Some(worker) => pass(&server, &mut person, worker).await,
        None => {
            let reason = "the worker that held the cell does not answer: it is away, or the cell is gone";
            refuse(&mut person, reason).await;
            reason.to_owned()
        }
    };
    // Whoever hears that it ended may ask at once who was there.
    write_down(&server, &record, ended).await;
    leave(person).await;
    if let Some(worker) = worker {
        leave(worker).await;
    }
}

async fn write_down(server: &Server, record: &ShellRecord, ended: String) {
    let close = |shell: &mut ShellRecord| {
        shell.closed_at = Some(now_ms());
        shell.ended = Some(ended.clone());
        Ok::<(), Infallible>(())
    };
    if let Err(error) = server.records.update(&record.id.to_string(), close).await {
        tracing::warn!(%error, shell = %record.id, "the end of a shell was not written down");
    }
    tracing::info!(run = %record.run, shell = %record.id, ended, "a shell is closed");
}

async fn meet(server: &Server, record: &ShellRecord) -> Option<WebSocket> {
    let answered = server.shells.expect(record.id, record.worker);
    let order = Order::Shell {
        run: record.run,
        shell: record.id,
    };
    server.queue.tell(record.worker, order);
    let answer = tokio::time::timeout(Duration::from_secs(ANSWER_SECONDS), answered).await;
    server.shells.forget(record.id);
    answer.ok()?.ok()
}

/// Gives how it ended.
async fn pass(server: &Server, person: &mut WebSocket, worker: &mut WebSocket) -> String {
    let limit = tokio::time::sleep(Duration::from_secs(HOLD_SECONDS));
    tokio::pin!(limit);
    // A worker that has said why there is no shell listens no more; what it said is passed on all the same.
    let (mut said, mut worker_listens) = (None, true);
    loop {
        let (from, to, is_worker) = tokio::select! {
            () = server.shutdown.cancelled() => return "the server went down".to_owned(),
            () = &mut limit => {
                refuse(person, "the time of the shell is over").await;
                return "its time was over".to_owned();
            }
            message = person.recv() => (message, &mut *worker, false),
            message = worker.recv() => (message, &mut *person, true),
        };
        let message = match from {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => message,
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Close(_)) | Err(_)) | None => {
                let who = if is_worker {
                    "the worker left"
                } else {
                    "the person left"
                };
                return said.unwrap_or_else(|| who.to_owned());
            }
        };
        if let (true, Message::Text(text)) = (is_worker, &message) {
            said = ending(text.as_str()).or(said);
        }
        if !is_worker {
            worker_listens = worker_listens && to.send(message).await.is_ok();
        } else if to.send(message).await.is_err() {
            return said.unwrap_or_else(|| "the person left".to_owned());
        }
    }
}

/// What a worker's message says of the end.
fn ending(text: &str) -> Option<String> {
    match serde_json::from_str(text).ok()? {
        ShellMessage::Ended { exit_code: Some(code) } => Some(format!("the shell exited with code {code}")),
        ShellMessage::Ended { exit_code: None } => Some("the shell ended".to_owned()),
        ShellMessage::Refused { reason } => Some(reason.chars().take(300).collect()),
        ShellMessage::Size { .. } | ShellMessage::Opened { .. } => None,
    }
}

/// Says goodbye, and reads what the other side still sends: a connection that is dropped with unread bytes is reset, and the
/// last words are lost with it.
async fn leave(mut side: WebSocket) {
    // Either side may be gone; there is nobody else to tell.
    let _ = side.send(Message::Close(None)).await;
    let rest = async { while let Some(Ok(_)) = side.recv().await {} };
    let _ = tokio::time::timeout(GOODBYE, rest).await;
}

async fn refuse(person: &mut WebSocket, reason: &str) {
    let message = ShellMessage::Refused {
        reason: reason.to_owned(),
    };
    if let Ok(text) = serde_json::to_string(&message) {
        // Whoever left hears nothing.
        let _ = person.send(Message::text(text)).await;
    }
}
