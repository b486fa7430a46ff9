//! What happens to the runs of a workspace, as Server-Sent Events.
//!
//! A reader is pulled, never pushed: it holds the number of the change that it was told last, and nothing is kept for it.
//! One that reads more slowly than runs change finds its place forgotten and is told to read the list anew.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use circle_api::events::{EventQuery, KEEP_ALIVE_SECONDS, LAST_EVENT_ID, RESET, RUN};
use circle_api::routes;
use circle_core::ids::ServiceId;
use futures_util::stream;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Duration, Instant, sleep_until};

use crate::auth::{Caller, Tenant, Viewer, Within};
use crate::http::live::{Recheck, may_still};
use crate::http::{ApiError, Params};
use crate::runs::Following;
use crate::server::Server;

/// One reader.
struct Reader {
    server: Arc<Server>,
    caller: Caller,
    workspace: String,
    tenant: Tenant,
    service: Option<ServiceId>,
    /// The change that was told last, or passed over; `None`: the list must be read anew.
    told: Option<u64>,
    ready: VecDeque<Event>,
    news: watch::Receiver<u64>,
    recheck: Recheck,
    /// A sign of life is due.
    alive_at: Instant,
    _place: OwnedSemaphorePermit,
}

/// Changes of runs as they happen: `run` with the run's summary, `reset` when the list is to be read anew (first of all,
/// unless `Last-Event-ID` names a change that is still known). A message without data every 15 s keeps the connection open.
#[utoipa::path(get, path = routes::EVENTS, tag = "runs", operation_id = "run_events", params(("workspace" = String, Path), EventQuery, ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was read")), responses((status = 200, body = String, content_type = "text/event-stream")))]
pub(in crate::http) async fn events(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Params(wanted): Params<EventQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let service = match &wanted.service {
        Some(name) => Some(server.service(within.tenant, name.as_str()).await?.0.id),
        None => None,
    };
    let place = Arc::clone(&server.event_places).try_acquire_owned();
    let place = place.map_err(|_| ApiError::Busy("too many readers of events: close some, or read the list".into()))?;
    let said = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let reader = Reader {
        told: said.and_then(|name| server.feed.number(name)),
        news: server.feed.watch(),
        recheck: Recheck::new(&server),
        alive_at: Instant::now(),
        caller: within.caller,
        workspace: within.workspace.name.to_string(),
        tenant: within.tenant,
        service,
        ready: VecDeque::new(),
        server,
        _place: place,
    };
    let messages = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    let mut response = Sse::new(messages).into_response();
    // A proxy that collects answers would hold events back.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    response
        .headers_mut()
        .insert(unbuffered, HeaderValue::from_static("no"));
    Ok(response)
}

impl Reader {
    /// The next message; `None` when the connection is to end.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.alive_at = Instant::now() + Duration::from_secs(KEEP_ALIVE_SECONDS);
                return Some(event);
            }
            // Seen before the look, so that a change after it wakes.
            self.news.mark_unchanged();
            self.look();
            if self.ready.is_empty() && !self.wait().await {
                return None;
            }
        }
    }

    fn look(&mut self) {
        let feed = &self.server.feed;
        let following = match self.told {
            Some(told) => feed.after(told),
            None => Following::Forgotten,
        };
        match following {
            Following::Known(changes) => {
                for change in changes {
                    self.told = Some(change.number);
                    let is_wanted = self.service.is_none_or(|service| service == change.service);
                    if is_wanted && self.tenant.owns(change.workspace) {
                        let event = Event::default().event(RUN).id(feed.name(change.number));
                        self.ready.push_back(event.data(&*change.run));
                    }
                }
            }
            Following::Forgotten => {
                let newest = *self.news.borrow();
                self.told = Some(newest);
                let event = Event::default().event(RESET).id(feed.name(newest));
                self.ready.push_back(event.data("{}"));
            }
        }
    }

    /// Waits for a change, or puts a sign of life; `false` when the server goes down or the right is gone.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            woken = self.news.changed() => woken.is_ok(),
            () = sleep_until(self.alive_at) => {
                // Without data it is no event, yet the client remembers how far it was told.
                let name = self.server.feed.name(self.told.unwrap_or_default());
                self.ready.push_back(Event::default().id(name));
                true
            }
            () = self.recheck.due() => may_still::<Viewer>(&self.server, &self.caller, &self.workspace).await,
            () = self.server.shutdown.cancelled() => false,
        }
    }
}
