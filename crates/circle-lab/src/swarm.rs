//! A Docker Swarm of one node: an engine in a cell of its own, so that it is as separate from Circle as a cluster is.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use circle_cell::{Cell, CellProvider, CellSpec, Relay};
use http::Method;
use serde_json::{Value, json};

use crate::LabError;
use crate::engine::call;
use crate::mortal::MortalEngine;

/// A running Swarm; dropping it kills it.
#[derive(Debug)]
pub struct Swarm {
    mortal: Option<MortalEngine>,
    cell: Cell,
}

/// A running container of the Swarm, as far as a visitor cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The image by digest.
    pub image: String,
    /// Where it answers on this machine.
    pub address: Ipv4Addr,
    pub port: u16,
}

impl Swarm {
    /// Starts an engine in a cell and makes it a Swarm manager; `relays` are the registries it may pull from.
    ///
    /// # Errors
    /// [`LabError::Cell`] when this machine cannot carry a cell, [`LabError::Engine`] when the engine refuses.
    pub async fn start(provider: &dyn CellProvider, relays: Vec<Relay>) -> Result<Self, LabError> {
        let cell = cell(provider, relays).await?;
        Self { mortal: None, cell }.init().await
    }

    /// The same with an engine that can be killed while its cell lives on.
    ///
    /// # Errors
    /// As [`Swarm::start`].
    pub async fn start_mortal(provider: &dyn CellProvider, relays: Vec<Relay>) -> Result<Self, LabError> {
        let cell = cell(provider, relays).await?;
        let mortal = Some(MortalEngine::start(&cell).await?);
        Self { mortal, cell }.init().await
    }

    async fn init(self) -> Result<Self, LabError> {
        let address = self.cell.address();
        let body = json!({ "ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": address.to_string() });
        call(self.socket(), Method::POST, "/swarm/init", &body).await?;
        Ok(self)
    }

    /// Kills the engine as a crash would; nothing where it cannot be killed by itself.
    ///
    /// # Errors
    /// [`LabError::Cell`] when the cell is dead.
    pub async fn kill_engine(&mut self) -> Result<(), LabError> {
        match &mut self.mortal {
            Some(engine) => engine.kill().await,
            None => Ok(()),
        }
    }

    /// Starts the engine again on what it left; waits until it answers.
    ///
    /// # Errors
    /// [`LabError::Io`] when it does not answer.
    pub async fn revive_engine(&mut self) -> Result<(), LabError> {
        match &mut self.mortal {
            Some(engine) => engine.revive(&self.cell).await,
            None => Ok(()),
        }
    }

    /// The engine's socket on this machine.
    pub fn socket(&self) -> &Path {
        self.mortal
            .as_ref()
            .map_or_else(|| self.cell.socket(), MortalEngine::socket)
    }

    /// `unix://…`, as a target's endpoint.
    pub fn endpoint(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// The address at which published ports answer.
    pub fn address(&self) -> Ipv4Addr {
        self.cell.address()
    }

    /// Lets processes of other users reach the engine: on a machine of its own this is what a network port does.
    ///
    /// # Errors
    /// [`LabError::Io`] when a mode cannot be changed.
    pub fn open_to_everybody(&self) -> Result<(), LabError> {
        let mut place: PathBuf = self.socket().to_owned();
        set_mode(&place, 0o666)?;
        // Every folder above must let others through, and show them nothing.
        while place.pop() && place != Path::new("/") {
            let mode = std::fs::metadata(&place)
                .map_err(|source| LabError::io("look at a folder", source))?
                .permissions()
                .mode();
            if mode & 0o001 == 0 {
                set_mode(&place, (mode & 0o7777) | 0o001)?;
            }
        }
        Ok(())
    }

    /// The running, published containers of a service.
    ///
    /// # Errors
    /// [`LabError::Engine`] when the engine refuses.
    pub async fn published(&self, service: &str) -> Result<Vec<Published>, LabError> {
        let filters = json!({ "service": [service], "desired-state": ["running"] }).to_string();
        let path = format!("/tasks?filters={}", percent(&filters));
        let tasks = call(self.socket(), Method::GET, &path, &Value::Null).await?;
        let mut published = Vec::new();
        for task in tasks.as_array().into_iter().flatten() {
            published.extend(self.published_by(task).await?);
        }
        Ok(published)
    }

    /// Kills the Swarm with everything in it.
    ///
    /// # Errors
    /// [`LabError::Cell`] when something of it stays.
    pub async fn stop(self) -> Result<(), LabError> {
        self.cell.kill().await?;
        Ok(())
    }

    async fn published_by(&self, task: &Value) -> Result<Option<Published>, LabError> {
        let running = task.pointer("/Status/State").is_some_and(|state| state == "running");
        let port = match task.pointer("/Status/PortStatus/Ports/0/PublishedPort") {
            _ if !running => None,
            Some(port) => port.as_u64(),
            None => self.port_of(task).await?,
        };
        let image = task.pointer("/Spec/ContainerSpec/Image").and_then(Value::as_str);
        let port = port.and_then(|port| u16::try_from(port).ok());
        Ok(image.zip(port).map(|(image, port)| Published {
            image: image.to_owned(),
            address: self.address(),
            port,
        }))
    }

    /// The port of a task's container: a Swarm whose engine was killed may never say it of the task again.
    async fn port_of(&self, task: &Value) -> Result<Option<u64>, LabError> {
        let id = task.pointer("/Status/ContainerStatus/ContainerID");
        let Some(id) = id.and_then(Value::as_str) else {
            return Ok(None);
        };
        let container = call(
            self.socket(),
            Method::GET,
            &format!("/containers/{id}/json"),
            &Value::Null,
        )
        .await?;
        let ports = container.pointer("/NetworkSettings/Ports").and_then(Value::as_object);
        let mut ports = ports.into_iter().flat_map(|ports| ports.values());
        let port = ports.find_map(|bindings| bindings.pointer("/0/HostPort")?.as_str()?.parse().ok());
        Ok(port)
    }
}

async fn cell(provider: &dyn CellProvider, relays: Vec<Relay>) -> Result<Cell, LabError> {
    let spec = CellSpec {
        relays,
        ..CellSpec::default()
    };
    Ok(provider.start(&spec).await?)
}

fn set_mode(path: &Path, mode: u32) -> Result<(), LabError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(|source| LabError::io(format!("open {} to others", path.display()), source))
}

fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
