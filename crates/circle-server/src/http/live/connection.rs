//! One connection: subscribe, then state and log until the end.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use circle_api::live::{
    CLOSE_BAD_MESSAGE, CLOSE_FORBIDDEN, CLOSE_GOING_AWAY, CLOSE_SLOW, ClientMessage, DEFAULT_WINDOW_BYTES,
    MAX_WINDOW_BYTES, PING_SECONDS, Place, STALLED_SECONDS, SUBSCRIBE_SECONDS, ServerMessage,
};
use circle_core::ids::RunId;
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::cursor::Cursor;
use super::permission::Permission;
use super::send::{Close, Sender};
use crate::auth::{Found, Viewer};
use crate::http::api::{newest, run_view};
use crate::records::RunRecord;
use crate::server::Server;

const BAD: Close = Close {
    code: CLOSE_BAD_MESSAGE,
    reason: "the message was not understood: see the live messages of the API",
};
const GONE: Close = Close {
    code: 1006,
    reason: "the peer is gone",
};
const SLOW: Close = Close {
    code: CLOSE_SLOW,
    reason: "too slow: come back with your offsets",
};
const FORBIDDEN: Close = Close {
    code: CLOSE_FORBIDDEN,
    reason: "you may not follow this run any more",
};
const DOWN: Close = Close {
    code: CLOSE_GOING_AWAY,
    reason: "the server goes down: come back with your offsets",
};
const FAULT: Close = Close {
    code: 1011,
    reason: "the server failed: come back with your offsets",
};
const DONE: Close = Close {
    code: 1000,
    reason: "everything was sent",
};

/// What the client asked for.
#[derive(Debug)]
struct Wish {
    logs: bool,
    stages: Vec<String>,
    from: Vec<Place>,
    window: u64,
}

/// Everything that can happen on a connection.
enum Event {
    Said(ClientMessage),
    Left,
    Nonsense,
    RunChanged,
    LogGrew(u64),
    RightsMayHaveChanged,
    PingDue,
    Stalled,
    GoingDown,
}

struct Connection {
    server: Arc<Server>,
    run: RunId,
    permission: Permission,
    sender: Sender,
    wish: Wish,
    cursors: Vec<Cursor>,
    sent: u64,
    acked: u64,
    acked_at: Instant,
    grown: u64,
    ended: bool,
}

/// Serves until the end, a fault, or the peer's leave.
pub(super) async fn serve(server: Arc<Server>, found: Found<RunRecord, Viewer>, socket: WebSocket) {
    let run = found.document.0.id;
    let permission = Permission::new(&server, found.caller, run);
    let (sink, mut source) = socket.split();
    let sender = Sender(sink);
    let wish = match tokio::time::timeout(Duration::from_secs(SUBSCRIBE_SECONDS), subscribe(&mut source)).await {
        Ok(Ok(wish)) => wish,
        Ok(Err(close)) => return sender.close(close).await,
        Err(_) => return sender.close(BAD).await,
    };
    let changes = server.watchers.watch(run);
    let now = Instant::now();
    let mut connection = Connection {
        server,
        run,
        permission,
        sender,
        wish,
        cursors: Vec::new(),
        sent: 0,
        acked: 0,
        acked_at: now,
        grown: 0,
        ended: false,
    };
    let close = connection.run(source, changes).await.unwrap_or_else(|close| close);
    connection.sender.close(close).await;
}

async fn subscribe(source: &mut SplitStream<WebSocket>) -> Result<Wish, Close> {
    match next_message(source).await {
        Event::Said(ClientMessage::Subscribe {
            logs,
            stages,
            from,
            window_bytes,
        }) => {
            let window = window_bytes.unwrap_or(DEFAULT_WINDOW_BYTES).clamp(1, MAX_WINDOW_BYTES);
            Ok(Wish {
                logs,
                stages,
                from,
                window,
            })
        }
        Event::Left => Err(GONE),
        _ => Err(BAD),
    }
}

/// Cancel safe: a message is taken whole or not at all.
async fn next_message(source: &mut SplitStream<WebSocket>) -> Event {
    loop {
        return match source.next().await {
            Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                Ok(message) => Event::Said(message),
                Err(_) => Event::Nonsense,
            },
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Binary(_))) => Event::Nonsense,
            Some(Ok(Message::Close(_)) | Err(_)) | None => Event::Left,
        };
    }
}

impl Connection {
    async fn run(
        &mut self,
        mut source: SplitStream<WebSocket>,
        mut changes: watch::Receiver<u64>,
    ) -> Result<Close, Close> {
        let mut ping_at = Instant::now() + Duration::from_secs(PING_SECONDS);
        self.say_run().await?;
        loop {
            let more = self.push_log().await?;
            if self.ended && !more && self.is_all_sent().await? {
                self.sender.say(&ServerMessage::End { run: self.run }).await?;
                return Ok(DONE);
            }
            match self.next_event(&mut source, &mut changes, ping_at).await {
                Event::Said(ClientMessage::Ack { bytes }) => self.acknowledge(bytes)?,
                Event::Said(ClientMessage::Subscribe { .. }) | Event::Nonsense => return Err(BAD),
                Event::Left => return Err(GONE),
                Event::RunChanged => self.say_run().await?,
                Event::LogGrew(seen) => self.grown = seen,
                Event::RightsMayHaveChanged => self.check_permission().await?,
                Event::PingDue => {
                    self.sender.ping().await?;
                    ping_at = Instant::now() + Duration::from_secs(PING_SECONDS);
                }
                Event::Stalled => return Err(SLOW),
                Event::GoingDown => return Err(DOWN),
            }
        }
    }

    /// Cuts off whoever lost the right to follow.
    async fn check_permission(&mut self) -> Result<(), Close> {
        match self.permission.still_holds(&self.server).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(FORBIDDEN),
            Err(_) => Err(FAULT),
        }
    }

    async fn next_event(
        &mut self,
        source: &mut SplitStream<WebSocket>,
        changes: &mut watch::Receiver<u64>,
        ping_at: Instant,
    ) -> Event {
        let run = self.run.to_string();
        let full = self.room() == 0;
        let stalled_at = self.acked_at + Duration::from_secs(STALLED_SECONDS);
        tokio::select! {
            event = next_message(source) => event,
            Ok(()) = changes.changed() => Event::RunChanged,
            Ok(seen) = self.server.log_bus.grown(&run, self.grown), if self.wish.logs && !full => Event::LogGrew(seen),
            () = self.permission.may_have_changed() => Event::RightsMayHaveChanged,
            () = sleep_until(ping_at) => Event::PingDue,
            () = sleep_until(stalled_at), if full => Event::Stalled,
            () = self.server.shutdown.cancelled() => Event::GoingDown,
        }
    }

    /// What may be sent before the client acknowledges more.
    fn room(&self) -> u64 {
        self.wish.window.saturating_sub(self.sent - self.acked)
    }

    fn acknowledge(&mut self, bytes: u64) -> Result<(), Close> {
        if bytes > self.sent || bytes < self.acked {
            return Err(BAD);
        }
        if bytes > self.acked {
            (self.acked, self.acked_at) = (bytes, Instant::now());
        }
        Ok(())
    }

    async fn say_run(&mut self) -> Result<(), Close> {
        let found = self.server.run(self.run).await.map_err(|_| FAULT)?;
        let Some((run, _)) = found else { return Err(GONE) };
        let view = run_view(&self.server, &run).await.map_err(|_| FAULT)?;
        self.ended = run.state.is_ended();
        self.sender.say(&ServerMessage::Run { run: Box::new(view) }).await
    }

    /// Sends what is there and fits the window; tells whether the window is what stops it.
    async fn push_log(&mut self) -> Result<bool, Close> {
        if !self.wish.logs {
            return Ok(false);
        }
        let streams = self
            .server
            .log_archive
            .streams(&self.run.to_string())
            .await
            .map_err(|_| FAULT)?;
        for info in newest(streams) {
            if !self.wish.stages.is_empty() && !self.wish.stages.contains(&info.stream.stage) {
                continue;
            }
            let index = self.cursor(&info);
            loop {
                let room = self.room();
                let archive = Arc::clone(&self.server.log_archive);
                let next = self.cursors[index].next(archive.as_ref(), self.run, &info, room).await;
                let Some(frames) = next.map_err(|_| FAULT)? else { break };
                if self.sent == self.acked {
                    // The client's time to acknowledge begins with the first byte that it has to.
                    self.acked_at = Instant::now();
                }
                self.sent += frames.log_bytes;
                self.sender.frames(frames.message.freeze()).await?;
            }
            if self.cursors[index].offset < info.length {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The cursor of a stream; a newer attempt takes the place of the older.
    fn cursor(&mut self, info: &circle_store::logs::StreamInfo) -> usize {
        if let Some(index) = self.cursors.iter().position(|cursor| cursor.is_of(info)) {
            return index;
        }
        let fresh = Cursor::new(info, &self.wish.from);
        match self.cursors.iter().position(|cursor| cursor.is_stage_of(info)) {
            Some(index) => {
                self.cursors[index] = fresh;
                index
            }
            None => {
                self.cursors.push(fresh);
                self.cursors.len() - 1
            }
        }
    }

    /// Whether nothing of an ended run can follow: its state was the last thing to change, and its log was read after it.
    async fn is_all_sent(&self) -> Result<bool, Close> {
        if !self.wish.logs {
            return Ok(true);
        }
        let streams = self
            .server
            .log_archive
            .streams(&self.run.to_string())
            .await
            .map_err(|_| FAULT)?;
        let wanted = |stage: &String| self.wish.stages.is_empty() || self.wish.stages.contains(stage);
        let mut left = newest(streams).into_iter().filter(|info| wanted(&info.stream.stage));
        Ok(left.all(|info| {
            self.cursors
                .iter()
                .any(|cursor| cursor.is_of(&info) && cursor.offset >= info.length)
        }))
    }
}
