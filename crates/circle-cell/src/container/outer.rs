//! The container that a cell is on the host's engine.

use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::{Value, json};

use super::provider::Core;
use crate::CellId;
use crate::engine::{Engine, EngineError};
use crate::init::{CELL_FOLDER, CONTROL_VARIABLE};

/// Where the init's program stands inside.
const INIT: &str = "/.circle-init";
/// What init complains before it is reached fits.
const LOG_BYTES: &str = "1m";

/// Makes and starts the container; its engine's name for it.
pub(super) async fn start(core: &Core, id: &CellId, folder: &Path) -> Result<String, EngineError> {
    let made = core
        .engine
        .ask(
            "POST",
            &format!("/containers/create?name=circle-cell-{id}"),
            Some(&wish(core, id, folder)),
        )
        .await?;
    let container = made["Id"].as_str().unwrap_or_default().to_owned();
    core.engine
        .ask("POST", &format!("/containers/{container}/start"), None)
        .await?;
    Ok(container)
}

fn wish(core: &Core, id: &CellId, folder: &Path) -> Value {
    let mut host = json!({
        "Mounts": [
            { "Type": "bind", "Source": folder, "Target": CELL_FOLDER },
            { "Type": "bind", "Source": core.program, "Target": INIT, "ReadOnly": true },
            // Of the engine's own, since an overlay does not lie on another; removed with the container.
            { "Type": "volume", "Target": format!("{CELL_FOLDER}/docker") },
        ],
        "Tmpfs": { "/run": "mode=755,exec", "/tmp": "mode=1777,exec" },
        "LogConfig": { "Type": "json-file", "Config": { "max-size": LOG_BYTES } },
    });
    core.rights.write(&mut host);
    let mut entry = vec![INIT.to_owned()];
    entry.extend(core.init_words.iter().cloned());
    json!({
        "Image": core.image,
        "Entrypoint": entry,
        "Cmd": [],
        "User": "0:0",
        "WorkingDir": "/",
        "Hostname": format!("cell-{id}"),
        "Env": [format!("{CONTROL_VARIABLE}={CELL_FOLDER}/run/control")],
        "Labels": core.labels(id),
        "HostConfig": host,
    })
}

/// The container's address on the engine's bridge.
pub(super) async fn address(engine: &Engine, container: &str) -> Result<Ipv4Addr, EngineError> {
    let shown = engine
        .ask("GET", &format!("/containers/{container}/json"), None)
        .await?;
    let settings = &shown["NetworkSettings"];
    let networks = settings["Networks"].as_object();
    let first = networks.and_then(|networks| networks.values().next());
    let text = first
        .and_then(|network| network["IPAddress"].as_str())
        .unwrap_or_default();
    Ok(text.parse().unwrap_or(Ipv4Addr::LOCALHOST))
}

/// Waits until the container has ended, and says what it printed last.
pub(super) async fn last_words(engine: &Engine, container: &str) -> String {
    // A question is answered within a minute or given up; the caller's own deadline is shorter.
    let ended = engine.ask("POST", &format!("/containers/{container}/wait"), None).await;
    let code = ended.map_or(-1, |ended| ended["StatusCode"].as_i64().unwrap_or(-1));
    let path = format!("/containers/{container}/logs?stdout=1&stderr=1&tail=5");
    let words = engine.words(&path).await.unwrap_or_default();
    format!("its container ended with code {code}: {}", words.trim())
}

/// Removes a container and its volumes.
pub(super) async fn remove(engine: &Engine, container: &str) -> Result<(), EngineError> {
    engine
        .ask("DELETE", &format!("/containers/{container}?force=1&v=1"), None)
        .await
        .map(drop)
}
