//! The socket of one job.

use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use circle_cell::Folder;
use circle_core::run::{Failure, FailureKind};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use http::header::{CONTENT_TYPE, UPGRADE};
use http::request::Parts;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::Refusal;
use super::create::judge_create;
use super::forward::{Answer, Outbound, forbidden, forward, refused};
use super::others::{judge_exec, judge_network, judge_update, judge_volume};
use super::places::Places;
use super::query::{judge_build, judge_pull, judge_start, judge_top, rewritten};
use super::routes::{Deed, route};
use super::sweep::remove_made;
use crate::engine::{Body, empty};
use crate::execute::{Shared, cell_failure};

/// Where a job finds it, as everywhere.
pub(crate) const DOCKER_SOCKET: &str = "/var/run/docker.sock";
/// The label of containers that a job made.
pub(super) const MADE_BY: &str = "circle.docker";
/// Connections at the same time, and streams that they became; test libraries open a few for each container. Each takes two
/// or three of the worker's open files.
const MAX_CONNECTIONS: usize = 128;
/// Further ones that wait for a place.
const MAX_WAITING: usize = 64;
/// And so long.
const PLACE_TIME: Duration = Duration::from_secs(5);
/// The longest body that is judged; a large compose service has some kilobytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// As much of a refused request is read as a build context of ordinary size has.
const MAX_DRAINED_BYTES: usize = 64 * 1024 * 1024;
/// The longest sentence of the engine.
const MAX_ERROR_BYTES: usize = 64 * 1024;
/// A refused request is read for so long.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// The socket of one job: open from its container's making to the job's end.
#[derive(Debug)]
pub(crate) struct DockerSocket {
    listener: UnixListener,
    inside: String,
    stage: String,
    _folder: Folder,
}

impl DockerSocket {
    /// Opens the socket; nobody answers before [`DockerSocket::serve`].
    pub(crate) async fn open(shared: &Shared<'_>, stage: &str) -> Result<Self, Failure> {
        if !shared.cell.labels().is_empty() {
            let message =
                "`docker: true` needs an engine of the run's own; this one is shared with whatever else uses it";
            return Err(Failure::new(FailureKind::Refused, message));
        }
        let folder = shared
            .cell
            .new_folder(&shared.fresh_name("docker"))
            .await
            .map_err(cell_failure("the folder of the job's Docker socket"))?;
        let path = folder.host().join("docker.sock");
        let failed = |error: std::io::Error| {
            let message = format!("the job's Docker socket could not be opened: {error}");
            Failure::new(FailureKind::Infrastructure, message)
        };
        let listener = UnixListener::bind(&path).map_err(failed)?;
        // Any user of the container may speak: the filter asks for no identity, and only this container sees the socket.
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).map_err(failed)?;
        Ok(Self {
            listener,
            inside: folder.inside().join("docker.sock").display().to_string(),
            stage: stage.to_owned(),
            _folder: folder,
        })
    }

    /// The socket as the engine sees it: the source of a bind mount.
    pub(crate) fn inside(&self) -> &str {
        &self.inside
    }

    /// Answers the job, whose checkout is at `view`; never ends.
    pub(crate) async fn serve(&self, shared: &Shared<'_>, view: Option<&str>) -> Infallible {
        let desk = Desk {
            places: Places {
                shared,
                view,
                socket: &self.inside,
            },
            stage: &self.stage,
            places_left: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            streams: Mutex::default(),
        };
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < MAX_CONNECTIONS + MAX_WAITING => match accepted {
                    Ok((stream, _)) => connections.push(desk.admit(stream)),
                    Err(error) => {
                        tracing::debug!(%error, "a connection to a job's Docker socket was not taken");
                        // Mostly too many open files: those that there are have to end first.
                        tokio::task::yield_now().await;
                    }
                },
                Some(()) = connections.next() => {}
            }
        }
    }

    /// Removes what the job left running, so that later stages have the cell to themselves.
    pub(crate) async fn close(self, shared: &Shared<'_>) {
        remove_made(shared).await;
    }
}

/// Where requests are judged.
pub(super) struct Desk<'a> {
    pub(super) places: Places<'a>,
    pub(super) stage: &'a str,
    /// One for each connection, and for the stream that it became.
    places_left: Arc<Semaphore>,
    /// Requests that became connections: terminals, logs of running containers, build sessions.
    streams: Mutex<JoinSet<()>>,
}

impl Desk<'_> {
    /// Speaks with a client once there is a place; says so when there is none.
    async fn admit(&self, stream: UnixStream) {
        let place = tokio::time::timeout(PLACE_TIME, self.places_left.clone().acquire_owned()).await;
        match place {
            Ok(Ok(place)) => self.connection(stream, Arc::new(place)).await,
            Ok(Err(_)) | Err(_) => turn_away(stream).await,
        }
    }

    async fn connection(&self, stream: UnixStream, place: Arc<OwnedSemaphorePermit>) {
        let service = service_fn(|request| {
            let place = place.clone();
            async move { Ok::<_, Infallible>(self.answer(request, place).await) }
        });
        let served = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a connection to a job's Docker socket broke off");
        }
    }

    async fn answer(&self, mut request: Request<Incoming>, place: Arc<OwnedSemaphorePermit>) -> Answer {
        let protocol = request.headers().get(UPGRADE).cloned();
        let upgrade = protocol.map(|protocol| (protocol, hyper::upgrade::on(&mut request)));
        let (head, body) = request.into_parts();
        let mut body = Some(body);
        let judged = self.judged(head, &mut body).await;
        if judged.is_err() {
            drain(body).await;
        }
        match judged {
            Ok(mut outbound) => {
                outbound.upgrade = upgrade;
                forward(&self.places.shared.engine, outbound, (&self.streams, place)).await
            }
            Err(Verdict::Refused(refusal)) => {
                tracing::debug!(why = refusal.0, "a request of a job was refused");
                forbidden(&refusal)
            }
            Err(Verdict::Engine(status, sentence)) => refused(status, &sentence),
            Err(Verdict::Bad(sentence)) => refused(StatusCode::BAD_REQUEST, &sentence),
        }
    }

    /// The request as the engine gets it. Takes the body once the head is judged.
    async fn judged(&self, head: Parts, body: &mut Option<Incoming>) -> Result<Outbound, Verdict> {
        let mut route = route(&head.method, head.uri.path())?;
        let is_form =
            |kind: &str| kind.starts_with("application/x-www-form-urlencoded") || kind.starts_with("multipart/");
        let kind = head
            .headers
            .get(CONTENT_TYPE)
            .map(|kind| kind.as_bytes().to_ascii_lowercase());
        if kind.is_some_and(|kind| is_form(String::from_utf8_lossy(&kind).trim())) {
            return Err(Refusal::new("parameters are read from the address only, not from a form in the body").into());
        }
        self.spare_own(&mut route).await?;
        let query = match route.deed {
            Deed::Start => judge_start(head.uri.query())?,
            Deed::Top => judge_top(head.uri.query())?,
            Deed::Pull => judge_pull(head.uri.query())?,
            Deed::Build => judge_build(head.uri.query(), self.open_files())?,
            _ => rewritten(head.uri.query()),
        };
        let target = if query.is_empty() {
            route.path
        } else {
            format!("{}?{query}", route.path)
        };
        let body = match body.take() {
            Some(body) => self.judged_body(route.deed, body).await?,
            None => empty(),
        };
        Ok(Outbound {
            method: head.method,
            target,
            headers: head.headers,
            body,
            upgrade: None,
        })
    }

    async fn judged_body(&self, deed: Deed, body: Incoming) -> Result<Body, Verdict> {
        let judged = match deed {
            Deed::Pass | Deed::Pull | Deed::Top | Deed::Build => {
                return Ok(body.map_err(std::io::Error::other).boxed());
            }
            Deed::Start => return Ok(empty()),
            Deed::Create => {
                let mut created = judge_create(&read(body).await?, self.open_files())?;
                self.share_network(&mut created).await?;
                mark(&mut created.body, self.stage);
                self.places.fill(created).await?
            }
            Deed::Exec => judge_exec(&read(body).await?)?,
            Deed::Update => judge_update(&read(body).await?)?,
            Deed::Join => self.join(&read(body).await?).await?,
            Deed::Network => judge_network(&read(body).await?)?,
            Deed::Volume => judge_volume(&read(body).await?)?,
        };
        let bytes = Bytes::from(judged.to_string());
        Ok(Full::new(bytes).map_err(|never| match never {}).boxed())
    }

    fn open_files(&self) -> Option<u32> {
        self.places.shared.cell.limits().open_files
    }
}

/// Marks a container as made by this job.
fn mark(body: &mut Value, stage: &str) {
    match body.get_mut("Labels") {
        Some(Value::Object(labels)) => drop(labels.insert(MADE_BY.to_owned(), json!(stage))),
        _ => body["Labels"] = json!({ MADE_BY: stage }),
    }
}

/// Tells a client for whom there is no place.
async fn turn_away(stream: UnixStream) {
    let sentence = format!(
        "refused by Circle: the job's Docker socket has {MAX_CONNECTIONS} connections and streams open at the same time, which is \
         as many as it may have"
    );
    let service = service_fn(|_| async { Ok::<_, Infallible>(refused(StatusCode::SERVICE_UNAVAILABLE, &sentence)) });
    let told = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Who says nothing for so long, hears nothing.
    let _ = tokio::time::timeout(PLACE_TIME, told).await;
}

/// Why a request does not reach the engine.
pub(super) enum Verdict {
    Refused(Refusal),
    /// The engine said this about what it is about.
    Engine(StatusCode, String),
    /// It could not be understood.
    Bad(String),
}

impl From<Refusal> for Verdict {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Reads the body of a refused request, so that a client which writes it all first still hears the refusal.
async fn drain(body: Option<Incoming>) {
    let Some(body) = body else { return };
    let all = Limited::new(body, MAX_DRAINED_BYTES).into_data_stream();
    let read = all
        .take_while(|frame| std::future::ready(frame.is_ok()))
        .for_each(|_| async {});
    if tokio::time::timeout(DRAIN_TIME, read).await.is_err() {
        tracing::debug!("a refused request was still being sent");
    }
}

pub(super) async fn read(body: Incoming) -> Result<Value, Verdict> {
    let bytes = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let bytes = bytes
        .map_err(|error| Verdict::Bad(format!("the body could not be read: {error}")))?
        .to_bytes();
    serde_json::from_slice(&bytes).map_err(|error| Verdict::Bad(format!("the body is no JSON: {error}")))
}

/// The sentence in an answer of the engine that is no success.
pub(super) async fn read_error(body: Incoming) -> String {
    let bytes = Limited::new(body, MAX_ERROR_BYTES).collect().await;
    let bytes = bytes.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let told = serde_json::from_slice::<Value>(&bytes).ok();
    let told = told.and_then(|told| told.get("message").and_then(Value::as_str).map(str::to_owned));
    told.unwrap_or_else(|| "the engine says nothing about it".to_owned())
}
