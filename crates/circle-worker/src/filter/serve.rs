//! The socket of one job.

use std::collections::HashMap;
use std::convert::Infallible;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use std::time::Duration;

use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
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
use tokio::task::JoinSet;

use super::Refusal;
use super::create::judge_create;
use super::forward::{Answer, Outbound, forbidden, forward, refused};
use super::others::{judge_exec, judge_network, judge_update, judge_volume};
use super::places::Places;
use super::query::{judge_build, judge_start, rewritten};
use super::routes::{Deed, Route, encoded, route};
use crate::engine::{Body, empty};
use crate::execute::{Shared, cell_failure};

/// Where a job finds it, as everywhere.
pub(crate) const DOCKER_SOCKET: &str = "/var/run/docker.sock";
/// The label of containers that a job made.
const MADE_BY: &str = "circle.docker";
/// The label of Circle's own containers.
const OWN: &str = "circle.stage";
/// Connections at the same time; test libraries open a few for each container.
const MAX_CONNECTIONS: usize = 256;
/// The longest body that is judged; a large compose service has some kilobytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;
/// As much of a refused request is read as a build context of ordinary size has.
const MAX_DRAINED_BYTES: usize = 64 * 1024 * 1024;
/// And so long.
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
            streams: Mutex::default(),
        };
        let mut connections = FuturesUnordered::new();
        loop {
            tokio::select! {
                accepted = self.listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                    Ok((stream, _)) => connections.push(desk.connection(stream)),
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
        remove_made(shared, &self.stage).await;
    }
}

/// Removes the containers that a job of this stage made.
pub(crate) async fn remove_made(shared: &Shared<'_>, stage: &str) {
    let docker = &shared.engine.docker;
    let filters = HashMap::from([("label".to_owned(), vec![format!("{MADE_BY}={stage}")])]);
    let options = ListContainersOptionsBuilder::default()
        .all(true)
        .filters(&filters)
        .build();
    let made = docker.list_containers(Some(options)).await.unwrap_or_default();
    let ids = made.into_iter().filter_map(|container| container.id);
    let remove = |id: String| async move {
        let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
        if let Err(error) = docker.remove_container(&id, Some(options)).await {
            tracing::debug!(%error, "a container of a job was not removed; it ends with the cell");
        }
    };
    futures_util::future::join_all(ids.map(remove)).await;
}

/// Where requests are judged.
struct Desk<'a> {
    places: Places<'a>,
    stage: &'a str,
    /// Requests that became connections: terminals, logs of running containers, build sessions.
    streams: Mutex<JoinSet<()>>,
}

impl Desk<'_> {
    async fn connection(&self, stream: UnixStream) {
        let service = service_fn(|request| async move { Ok::<_, Infallible>(self.answer(request).await) });
        let served = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
            .await;
        if let Err(error) = served {
            tracing::debug!(%error, "a connection to a job's Docker socket broke off");
        }
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Answer {
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
                forward(&self.places.shared.engine, outbound, &self.streams).await
            }
            Err(Verdict::Refused(refusal)) => {
                tracing::debug!(why = refusal.0, "a request of a job was refused");
                forbidden(&refusal)
            }
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
        if let Some(name) = route.container.clone() {
            self.spare_own(&mut route, &name).await?;
        }
        let query = match route.deed {
            Deed::Start => judge_start(head.uri.query())?,
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
            Deed::Pass | Deed::Build => return Ok(body.map_err(std::io::Error::other).boxed()),
            Deed::Start => return Ok(empty()),
            Deed::Create => {
                let mut created = judge_create(&read(body).await?, self.open_files())?;
                mark(&mut created.body, self.stage);
                self.places.fill(created).await?
            }
            Deed::Exec => judge_exec(&read(body).await?)?,
            Deed::Update => judge_update(&read(body).await?)?,
            Deed::Network => judge_network(&read(body).await?)?,
            Deed::Volume => judge_volume(&read(body).await?)?,
        };
        let bytes = Bytes::from(judged.to_string());
        Ok(Full::new(bytes).map_err(|never| match never {}).boxed())
    }

    fn open_files(&self) -> Option<u32> {
        self.places.shared.cell.limits().open_files
    }

    /// Refuses what is done to a container of Circle's own; names another container by its id, which nobody can change.
    async fn spare_own(&self, route: &mut Route, name: &str) -> Result<(), Verdict> {
        let path = format!("/containers/{}/json", encoded(name));
        let request = Request::get(path).header("host", "engine").body(empty());
        let request = request.map_err(|error| Verdict::Bad(error.to_string()))?;
        let engine = &self.places.shared.engine;
        let (response, _connection) = engine
            .send(request)
            .await
            .map_err(|error| Verdict::Bad(error.to_string()))?;
        if !response.status().is_success() {
            // The engine itself says what there is to say about a container that is not there.
            return Ok(());
        }
        let found = read(response.into_body()).await?;
        if found
            .pointer("/Config/Labels")
            .and_then(|labels| labels.get(OWN))
            .is_some()
        {
            return Err(Refusal::new(format!("{name} is a container of Circle itself")).into());
        }
        if let Some(id) = found.get("Id").and_then(Value::as_str) {
            let (by_name, by_id) = (
                format!("/containers/{}", encoded(name)),
                format!("/containers/{}", encoded(id)),
            );
            route.path = route.path.replacen(&by_name, &by_id, 1);
        }
        Ok(())
    }
}

/// Marks a container as made by this job.
fn mark(body: &mut Value, stage: &str) {
    match body.get_mut("Labels") {
        Some(Value::Object(labels)) => drop(labels.insert(MADE_BY.to_owned(), json!(stage))),
        _ => body["Labels"] = json!({ MADE_BY: stage }),
    }
}

/// Why a request does not reach the engine.
enum Verdict {
    Refused(Refusal),
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

async fn read(body: Incoming) -> Result<Value, Verdict> {
    let bytes = Limited::new(body, MAX_BODY_BYTES).collect().await;
    let bytes = bytes
        .map_err(|error| Verdict::Bad(format!("the body could not be read: {error}")))?
        .to_bytes();
    serde_json::from_slice(&bytes).map_err(|error| Verdict::Bad(format!("the body is no JSON: {error}")))
}
