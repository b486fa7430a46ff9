//! The events of runs, over as many connections as it takes.

use std::time::Duration;

use circle_core::names::Slug;
use reqwest::{Method, Response};
use tokio::time::{Instant, sleep, timeout};

use super::connection::Client;
use super::errors::ApiError;
use super::follow::RECONNECT_SECONDS;
use crate::events::{EventQuery, KEEP_ALIVE_SECONDS, LAST_EVENT_ID, RESET, RUN};
use crate::resources::RunSummary;
use crate::routes::{self, fill};

/// The first pause between two tries.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A connection without even a sign of life for so long is dead.
const SILENCE: Duration = Duration::from_secs(KEEP_ALIVE_SECONDS * 3);
/// Longest line that is taken, in bytes: a summary has two texts of 200 characters and a sentence.
const MAX_LINE_BYTES: usize = 256 * 1024;

/// What happens to runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunNews {
    /// Changes may have been missed: read the list now.
    Reset,
    /// A run as it stands after a change.
    Run(Box<RunSummary>),
}

/// An open view of a workspace's or a service's runs.
#[derive(Debug)]
pub struct Events {
    client: Client,
    path: String,
    query: EventQuery,
    last: Option<String>,
    connection: Option<Response>,
    unread: Vec<u8>,
    message: Message,
}

/// The fields of the message that is being read.
#[derive(Debug, Default)]
struct Message {
    event: String,
    data: String,
}

impl Client {
    /// Watches runs; nothing is opened before the first [`Events::next`].
    pub fn events(&self, workspace: &str, service: Option<Slug>) -> Events {
        Events {
            client: self.clone(),
            path: fill(routes::EVENTS, &[workspace]),
            query: EventQuery { service },
            last: None,
            connection: None,
            unread: Vec::new(),
            message: Message::default(),
        }
    }
}

impl Events {
    /// What happens next. A lost connection is opened again where it was. May be dropped and called again.
    ///
    /// # Errors
    /// The first connection fails at once, a refusal too; a lost one is tried again for [`RECONNECT_SECONDS`].
    pub async fn next(&mut self) -> Result<RunNews, ApiError> {
        let (mut pause, since) = (FIRST_PAUSE, Instant::now());
        loop {
            match self.step().await {
                Ok(Some(news)) => return Ok(news),
                Ok(None) => {}
                Err(error) => {
                    self.disconnect();
                    let may_come_back = self.last.is_some() && error.may_pass();
                    if !may_come_back || since.elapsed() >= Duration::from_secs(RECONNECT_SECONDS) {
                        return Err(error);
                    }
                    sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Calls another address from now on, as when a server came back elsewhere.
    pub fn moved_to(&mut self, client: &Client) {
        self.client = client.clone();
        self.disconnect();
    }

    /// Closes the connection; the next question opens another one.
    pub fn disconnect(&mut self) {
        self.connection = None;
        self.unread.clear();
        self.message = Message::default();
    }

    /// Reads one line, or more bytes.
    async fn step(&mut self) -> Result<Option<RunNews>, ApiError> {
        if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.unread.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            return self.take(line.trim_end_matches(['\n', '\r']));
        }
        if self.unread.len() > MAX_LINE_BYTES {
            return Err(self.client.not_understood("a line of events without an end"));
        }
        if self.connection.is_none() {
            self.connection = Some(self.connect().await?);
        }
        let Some(connection) = &mut self.connection else {
            return Ok(None);
        };
        match timeout(SILENCE, connection.chunk()).await {
            Ok(Ok(Some(bytes))) => {
                self.unread.extend_from_slice(&bytes);
                Ok(None)
            }
            Ok(Ok(None)) => Err(self.lost("the server closed the connection")),
            Ok(Err(error)) => Err(self.client.unreachable(&error)),
            Err(_) => Err(self.lost("nothing was heard for a while")),
        }
    }

    async fn connect(&self) -> Result<Response, ApiError> {
        let mut request = self.client.request(Method::GET, &self.path).query(&self.query);
        if let Some(last) = &self.last {
            request = request.header(LAST_EVENT_ID, last);
        }
        // It lasts as long as somebody watches; silence is noticed by the signs of life.
        self.client.send(request.timeout(Duration::MAX)).await
    }

    fn take(&mut self, line: &str) -> Result<Option<RunNews>, ApiError> {
        if line.is_empty() {
            let message = std::mem::take(&mut self.message);
            return match message.event.as_str() {
                RESET => Ok(Some(RunNews::Reset)),
                RUN => {
                    let run = serde_json::from_str(&message.data);
                    let run = run.map_err(|error| self.client.not_understood(error.to_string()))?;
                    Ok(Some(RunNews::Run(Box::new(run))))
                }
                // A sign of life, or something of a later version.
                _ => Ok(None),
            };
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.message.event = value.into(),
            "data" => self.message.data.push_str(value),
            "id" => self.last = Some(value.into()),
            _ => {}
        }
        Ok(None)
    }

    fn lost(&self, reason: &str) -> ApiError {
        ApiError::Unreachable {
            endpoint: self.client.endpoint().to_string(),
            reason: reason.into(),
        }
    }
}
