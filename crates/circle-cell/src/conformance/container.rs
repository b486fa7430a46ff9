//! Containers of the suite's cells, made through the socket as a worker would.

use serde_json::{Value, json};

use crate::engine::{Engine, EngineError};
use crate::{Cell, Folder};

/// A container that is described, and then made.
pub(super) struct Container<'a> {
    cell: &'a Cell,
    body: Value,
}

impl<'a> Container<'a> {
    /// A container that runs a script.
    pub(super) fn script(cell: &'a Cell, script: &str) -> Self {
        let body = json!({
            "Image": "busybox:test",
            "Entrypoint": ["/bin/sh", "-c"],
            "Cmd": [script],
            "Labels": cell.labels(),
            "HostConfig": { "Mounts": [], "NetworkMode": "none" },
        });
        Self { cell, body }
    }

    /// With another entrypoint, and no words for it.
    pub(super) fn entrypoint(mut self, program: &str) -> Self {
        self.body["Entrypoint"] = json!([program]);
        self.body["Cmd"] = json!([]);
        self
    }

    /// With a path of the cell mounted.
    pub(super) fn with(mut self, source: &std::path::Path, target: &str) -> Self {
        let mount = json!({ "Type": "bind", "Source": source, "Target": target });
        if let Some(mounts) = self.body["HostConfig"]["Mounts"].as_array_mut() {
            mounts.push(mount);
        }
        self
    }

    pub(super) fn with_folder(self, folder: &Folder, target: &str) -> Self {
        self.with(folder.inside(), target)
    }

    /// Starts it and gives its id.
    pub(super) async fn start(self) -> String {
        let engine = Engine::at(self.cell.socket());
        let made = engine.ask("POST", "/containers/create", Some(&self.body)).await;
        let made = made.expect("a container is made");
        let id = made["Id"].as_str().expect("an id").to_owned();
        let started = engine.ask("POST", &format!("/containers/{id}/start"), None).await;
        started.expect("a container starts");
        id
    }

    /// Runs it to its end: its exit code.
    pub(super) async fn run(self) -> i64 {
        let cell = self.cell;
        let id = self.start().await;
        ended(cell, &id).await.expect("its end is told")
    }
}

/// Waits for a container's end.
pub(super) async fn ended(cell: &Cell, id: &str) -> Result<i64, EngineError> {
    let waited = Engine::at(cell.socket())
        .ask("POST", &format!("/containers/{id}/wait"), None)
        .await?;
    Ok(waited["StatusCode"].as_i64().unwrap_or(-1))
}

/// Names of everything of one kind that the cell's daemon knows.
pub(super) async fn known(cell: &Cell, path: &str) -> String {
    let answer = Engine::at(cell.socket()).ask("GET", path, None).await;
    answer.expect("a list").to_string()
}
