//! A run as it happens: its state and its log, over as many connections as it takes.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use circle_core::ids::RunId;
use futures_util::{SinkExt, StreamExt};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::Message;

use super::connection::Client;
use super::errors::ApiError;
use super::places::{News, Places};
use super::socket::{self, Socket};
use crate::live::{CLOSE_BAD_MESSAGE, ClientMessage, DEFAULT_WINDOW_BYTES, PING_SECONDS, Place, ServerMessage};
use crate::resources::RunView;
use crate::routes::{self, fill};
use crate::worker::frames::{self, Mark};

/// How long a lost connection is tried again, in seconds; enough for a server's restart.
pub const RECONNECT_SECONDS: u64 = 120;
/// The first pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A connection without even a ping for so long is dead.
const SILENCE: Duration = Duration::from_secs(PING_SECONDS * 3);
/// After so many bytes the server hears how far we are.
const ACK_AFTER_BYTES: u64 = DEFAULT_WINDOW_BYTES / 4;

/// What is wanted of a run.
#[derive(Debug, Clone, Default)]
pub struct FollowWish {
    /// Whether the log is wanted; else only state.
    pub logs: bool,
    /// Only these stages; empty = all.
    pub stages: Vec<String>,
    /// Where to begin in stages that are partly known.
    pub from: Vec<Place>,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LiveEvent {
    /// The run as it stands now.
    Run(Box<RunView>),
    /// Bytes of a stage's log, in order and without holes; an `attempt` higher than before makes the stage's earlier
    /// bytes void.
    Log {
        stage: String,
        attempt: u32,
        offset: u64,
        bytes: Bytes,
    },
    /// A group begins or ends.
    Mark {
        stage: String,
        attempt: u32,
        offset: u64,
        mark: Mark,
    },
    /// The connection is gone; it is tried again after a pause.
    Reconnecting { reason: String },
}

/// An open view of a run; ask it for [`Follow::next`] until that is `None`.
#[derive(Debug)]
pub struct Follow {
    client: Client,
    run: RunId,
    wish: FollowWish,
    places: Places,
    ready: VecDeque<LiveEvent>,
    connection: Option<Connection>,
    lost: Option<Lost>,
    ended: bool,
}

#[derive(Debug)]
struct Connection {
    socket: Socket,
    received: u64,
    acknowledged: u64,
}

#[derive(Debug)]
struct Lost {
    since: Instant,
    pause: Duration,
}

/// Why a connection is of no more use.
enum Broken {
    /// Another one may do.
    Again(String),
    /// Another one would not help.
    Final(ApiError),
}

impl Client {
    /// Follows a run from the places in the wish; nothing is opened before the first [`Follow::next`].
    pub fn follow(&self, run: RunId, mut wish: FollowWish) -> Follow {
        let places = Places::starting_at(std::mem::take(&mut wish.from));
        Follow {
            client: self.clone(),
            run,
            wish,
            places,
            ready: VecDeque::new(),
            connection: None,
            lost: None,
            ended: false,
        }
    }
}

impl Follow {
    /// What happens next; `None` when the run has ended and everything was told. May be dropped and called again.
    ///
    /// # Errors
    /// The first connection fails at once; a later one is tried again for [`RECONNECT_SECONDS`].
    pub async fn next(&mut self) -> Result<Option<LiveEvent>, ApiError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(Some(event));
            }
            if self.ended {
                return Ok(None);
            }
            match self.step().await {
                Ok(()) => {}
                Err(Broken::Final(error)) => return Err(error),
                Err(Broken::Again(reason)) => self.lose(reason)?,
            }
        }
    }

    async fn step(&mut self) -> Result<(), Broken> {
        if self.connection.is_none() {
            self.connect().await?;
        }
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        let message = connection.receive().await?;
        self.handle(message).await
    }

    /// The first connection is not tried again: a wrong address or token should be told at once.
    async fn connect(&mut self) -> Result<(), Broken> {
        if let Some(lost) = &mut self.lost {
            tokio::time::sleep(lost.pause).await;
            lost.pause = (lost.pause * 2).min(LONGEST_PAUSE);
        }
        let path = fill(routes::RUN_LIVE, &[&self.run.to_string()]);
        let socket = match socket::open(&self.client, &path).await {
            Ok(socket) => socket,
            Err(error) if self.lost.is_some() && error.may_pass() => return Err(Broken::Again(error.to_string())),
            Err(error) => return Err(Broken::Final(error)),
        };
        let mut connection = Connection {
            socket,
            received: 0,
            acknowledged: 0,
        };
        let subscribe = ClientMessage::Subscribe {
            logs: self.wish.logs,
            stages: self.wish.stages.clone(),
            from: self.places.wanted(),
            window_bytes: Some(DEFAULT_WINDOW_BYTES),
        };
        connection.say(&subscribe).await?;
        self.connection = Some(connection);
        Ok(())
    }

    async fn handle(&mut self, message: Message) -> Result<(), Broken> {
        self.lost = None;
        match message {
            Message::Text(text) => self.take_text(text.as_str()),
            Message::Binary(bytes) => self.take_frames(bytes).await,
            Message::Close(Some(close)) if u16::from(close.code) == CLOSE_BAD_MESSAGE => {
                Err(Broken::Final(self.client.not_understood(close.reason.to_string())))
            }
            Message::Close(close) => {
                let reason = close
                    .map(|close| close.reason.to_string())
                    .filter(|reason| !reason.is_empty());
                Err(Broken::Again(
                    reason.unwrap_or_else(|| "the server closed the connection".into()),
                ))
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(()),
        }
    }

    fn take_text(&mut self, text: &str) -> Result<(), Broken> {
        match serde_json::from_str(text) {
            Ok(ServerMessage::Run { run }) => self.ready.push_back(LiveEvent::Run(run)),
            Ok(ServerMessage::End { .. }) => {
                self.ended = true;
                self.connection = None;
            }
            Err(error) => return Err(Broken::Final(self.client.not_understood(error.to_string()))),
        }
        Ok(())
    }

    async fn take_frames(&mut self, message: Bytes) -> Result<(), Broken> {
        let frames =
            frames::decode(message).map_err(|error| Broken::Final(self.client.not_understood(error.to_string())))?;
        let bytes: u64 = frames.iter().map(|frame| frame.bytes.len() as u64).sum();
        for frame in frames {
            let news = self.places.take(frame).map_err(Broken::Again)?;
            self.ready.extend(news.map(LiveEvent::from));
        }
        match &mut self.connection {
            Some(connection) => connection.acknowledge(bytes).await,
            None => Ok(()),
        }
    }

    fn lose(&mut self, reason: String) -> Result<(), ApiError> {
        self.connection = None;
        let lost = self.lost.get_or_insert(Lost {
            since: Instant::now(),
            pause: FIRST_PAUSE,
        });
        if lost.since.elapsed() >= Duration::from_secs(RECONNECT_SECONDS) {
            return Err(ApiError::Unreachable {
                endpoint: self.client.endpoint().to_string(),
                reason,
            });
        }
        if lost.pause == FIRST_PAUSE {
            self.ready.push_back(LiveEvent::Reconnecting { reason });
        }
        Ok(())
    }
}

impl Connection {
    async fn receive(&mut self) -> Result<Message, Broken> {
        match tokio::time::timeout(SILENCE, self.socket.next()).await {
            Ok(Some(Ok(message))) => Ok(message),
            Ok(Some(Err(error))) => Err(Broken::Again(error.to_string())),
            Ok(None) => Err(Broken::Again("the server closed the connection".into())),
            Err(_) => Err(Broken::Again(format!("nothing was heard for {} s", SILENCE.as_secs()))),
        }
    }

    async fn acknowledge(&mut self, bytes: u64) -> Result<(), Broken> {
        self.received += bytes;
        if self.received - self.acknowledged < ACK_AFTER_BYTES {
            return Ok(());
        }
        self.acknowledged = self.received;
        self.say(&ClientMessage::Ack { bytes: self.received }).await
    }

    async fn say(&mut self, message: &ClientMessage) -> Result<(), Broken> {
        let text = serde_json::to_string(message).expect("a message of plain fields is always JSON");
        let sent = tokio::time::timeout(SILENCE, self.socket.send(Message::text(text))).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Broken::Again(error.to_string())),
            Err(_) => Err(Broken::Again("the server takes nothing any more".into())),
        }
    }
}

impl From<News> for LiveEvent {
    fn from(news: News) -> Self {
        match news {
            News::Bytes {
                stage,
                attempt,
                offset,
                bytes,
            } => Self::Log {
                stage,
                attempt,
                offset,
                bytes,
            },
            News::Mark {
                stage,
                attempt,
                offset,
                mark,
            } => Self::Mark {
                stage,
                attempt,
                offset,
                mark,
            },
        }
    }
}
