//! The adapter: containers that are workers.

use std::collections::BTreeMap;

use async_trait::async_trait;
use circle_core::ids::{HostId, WorkerId};
use circle_core::nested::NestedRights;
use http::Method;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::docker::{Docker, Fault};
use crate::hosts::program::{Program, small_tar};
use crate::hosts::{HostError, Sight, Start, WorkerHost};
use crate::records::{HostFinding, HostSettings};

/// The label with the host's id, on everything that Circle makes there.
pub(super) const HOST_LABEL: &str = "circle.host";
/// The label with a worker's id.
const WORKER_LABEL: &str = "circle.worker";
/// The label with a run's id, for whoever looks at the host.
const RUN_LABEL: &str = "circle.run";
/// Where the enrolment lies: not in the environment or the arguments, which `docker inspect` shows.
const ENROLMENT: (&str, &str) = ("/etc", "circle-enrolment");
/// Where workers keep their cells.
pub(super) const DATA: &str = "/var/lib/circle";
/// What a worker prints fits; a talkative one does not fill the disk.
const LOG_BYTES: &str = "4m";
/// Lines that are shown of a worker that ended.
const LAST_LINES: u32 = 5;

/// A Docker engine on which workers are started.
#[derive(Debug)]
pub(in crate::hosts) struct DockerHost {
    pub(super) id: HostId,
    pub(super) settings: HostSettings,
    pub(super) docker: Docker,
    pub(super) program: Program,
    pub(super) rights: OnceCell<NestedRights>,
}

impl DockerHost {
    pub(in crate::hosts) fn new(id: HostId, settings: HostSettings, docker: Docker) -> Self {
        Self {
            id,
            settings,
            docker,
            program: Program::own(),
            rights: OnceCell::new(),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Result<Value, Fault> {
        self.docker
            .send(Method::GET, self.docker.request(Method::GET, path))
            .await
    }

    pub(super) async fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, Fault> {
        let request = self.docker.request(Method::POST, path);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        match self.docker.send(Method::POST, request).await {
            Err(fault) if fault.is_so_already() => Ok(Value::Null),
            outcome => outcome,
        }
    }

    /// What is not there is removed.
    pub(super) async fn delete(&self, path: &str) -> Result<(), Fault> {
        match self
            .docker
            .send(Method::DELETE, self.docker.request(Method::DELETE, path))
            .await
        {
            Err(fault) if !fault.is_absence() => Err(fault),
            _ => Ok(()),
        }
    }

    /// What a filter by this host's label says, as it stands in a query.
    pub(super) fn own(&self) -> String {
        json!({ "label": [format!("{HOST_LABEL}={}", self.id)] }).to_string()
    }

    /// Containers of this host.
    pub(super) async fn containers(&self) -> Result<Vec<Value>, Fault> {
        let request = self.docker.request(Method::GET, "/containers/json");
        let request = request.query(&[("all", "1"), ("filters", &self.own())]);
        let listed = self.docker.send(Method::GET, request).await?;
        Ok(listed.as_array().cloned().unwrap_or_default())
    }

    /// Makes a container that is not started yet.
    pub(super) async fn create(&self, name: Option<&str>, wish: &Value) -> Result<String, Fault> {
        let request = self.docker.request(Method::POST, "/containers/create").json(wish);
        let request = match name {
            Some(name) => request.query(&[("name", name)]),
            None => request,
        };
        let made = self.docker.send(Method::POST, request).await?;
        Ok(made["Id"].as_str().unwrap_or_default().to_owned())
    }

    pub(super) async fn remove_container(&self, container: &str) -> Result<(), Fault> {
        self.delete(&format!("/containers/{container}?force=1&v=1")).await
    }

    /// What a worker's container is, but for its words.
    pub(super) fn worker_wish(&self, image: &str, rights: NestedRights) -> Value {
        let mut host = json!({
            "Mounts": [{ "Type": "volume", "Target": DATA }],
            "Tmpfs": { "/run": "mode=755,exec", "/tmp": "mode=1777,exec" },
            "LogConfig": { "Type": "json-file", "Config": { "max-size": LOG_BYTES } },
            "Memory": self.settings.memory_mib.unwrap_or(0) << 20,
            "NanoCpus": self.settings.cpu_millis.unwrap_or(0) * 1_000_000,
        });
        rights.write(&mut host);
        json!({
            "Image": image,
            "Entrypoint": [super::image::PROGRAM],
            "User": "0:0",
            "WorkingDir": "/",
            "Labels": { HOST_LABEL: self.id.to_string() },
            "HostConfig": host,
        })
    }

    /// The words of a worker for one run.
    fn worker_words(&self, start: &Start) -> Vec<String> {
        let (folder, file) = ENROLMENT;
        let mut words: Vec<String> = [
            "worker",
            "--once",
            "--data",
            DATA,
            "--server",
            &self.settings.server_url,
        ]
        .map(str::to_owned)
        .into();
        words.extend(["--name".to_owned(), start.name.clone()]);
        words.extend(["--enrolment".to_owned(), format!("{folder}/{file}")]);
        // Whoever added the host insisted on it, or it is this machine.
        let is_plain = self.settings.server_url.starts_with("http://");
        words.extend(is_plain.then(|| "--allow-plain-http".to_owned()));
        words.extend(self.settings.worker_flags.iter().cloned());
        words
    }

    /// Brings a container to life as a worker.
    async fn begin(&self, container: &str, start: &Start) -> Result<(), HostError> {
        let (folder, file) = ENROLMENT;
        let tar = small_tar(file, start.enrolment.expose()).map_err(|error| HostError::Unable(error.to_string()))?;
        let put = self
            .docker
            .request(Method::PUT, &format!("/containers/{container}/archive?path={folder}"))
            .body(tar);
        self.docker.send(Method::PUT, put).await.map_err(meaning)?;
        let started = self.post(&format!("/containers/{container}/start"), None).await;
        started.map(drop).map_err(meaning)
    }

    fn container_of(worker: WorkerId) -> String {
        format!("circle-worker-{}", worker.uuid().simple())
    }
}

#[async_trait]
impl WorkerHost for DockerHost {
    async fn inspect(&self) -> Result<HostFinding, HostError> {
        super::inspect::inspect(self).await
    }

    async fn start(&self, start: &Start) -> Result<(), HostError> {
        let image = self.program_image().await?;
        let rights = self.rights(&image).await?;
        let mut wish = self.worker_wish(&image, rights);
        wish["Cmd"] = json!(self.worker_words(start));
        wish["Hostname"] = json!(start.name);
        wish["Labels"][WORKER_LABEL] = json!(start.worker.to_string());
        wish["Labels"][RUN_LABEL] = json!(start.run.to_string());
        let name = Self::container_of(start.worker);
        let container = self.create(Some(&name), &wish).await.map_err(meaning)?;
        let begun = self.begin(&container, start).await;
        if begun.is_err() {
            // If this fails, too, the next look finds it.
            let _ = self.remove_container(&container).await;
        }
        begun
    }

    async fn workers(&self) -> Result<BTreeMap<WorkerId, Sight>, HostError> {
        let mut seen = BTreeMap::new();
        for container in self.containers().await.map_err(meaning)? {
            let worker = container["Labels"][WORKER_LABEL].as_str();
            if let Some(worker) = worker.and_then(|text| text.parse().ok()) {
                let sight = match container["State"].as_str() {
                    Some("running" | "paused" | "restarting") => Sight::Running,
                    _ => Sight::Ended,
                };
                seen.insert(worker, sight);
            }
        }
        Ok(seen)
    }

    async fn last_words(&self, worker: WorkerId) -> String {
        self.words(&Self::container_of(worker), LAST_LINES).await
    }

    async fn remove(&self, worker: WorkerId) -> Result<(), HostError> {
        let removed = self.remove_container(&Self::container_of(worker)).await;
        removed.map_err(meaning)
    }

    async fn clear(&self) -> Result<(), HostError> {
        for container in self.containers().await.map_err(meaning)? {
            let id = container["Id"].as_str().unwrap_or_default();
            self.remove_container(id).await.map_err(meaning)?;
        }
        self.remove_images(None).await.map_err(meaning)
    }
}

/// What a fault means for a host.
pub(super) fn meaning(fault: Fault) -> HostError {
    match fault {
        Fault::Silent(why) => HostError::Unreachable(why),
        Fault::TooLarge => HostError::Unable(format!("the engine: {fault}")),
        Fault::No { status, said, .. } if status.is_client_error() => {
            HostError::Unable(format!("the engine refuses: {said}"))
        }
        Fault::No { said, .. } => HostError::Unreachable(said),
    }
}
