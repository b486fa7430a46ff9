//! How much of what a daemon within needs this engine can give.

use circle_core::nested::NestedRights;
use serde_json::{Value, json};

use super::outer::remove;
use crate::CellError;
use crate::engine::{Engine, EngineError};

/// Tries the sets one after the other, with a container that does nothing.
pub(super) async fn detect(engine: &Engine, image: &str, labels: &Value) -> Result<NestedRights, CellError> {
    let mut refusals = Vec::new();
    for rights in NestedRights::SETS {
        match try_out(engine, (image, labels), rights).await {
            Ok(()) => return Ok(rights),
            Err(error) if error.is_absence() => {
                return Err(CellError::Unable(format!(
                    "the engine at {} has no image {image}: make it with `cargo xtask images build worker-base` and load it with `docker load`",
                    engine.socket().display()
                )));
            }
            Err(error) => refusals.push(error.to_string()),
        }
    }
    Err(CellError::Unable(format!(
        "the engine at {} starts no container that could carry a daemon: {}",
        engine.socket().display(),
        refusals.join("; ")
    )))
}

async fn try_out(engine: &Engine, (image, labels): (&str, &Value), rights: NestedRights) -> Result<(), EngineError> {
    let mut host = json!({ "NetworkMode": "none" });
    rights.write(&mut host);
    let wish = json!({
        "Image": image, "Entrypoint": ["/bin/true"], "Cmd": [], "User": "0:0", "Labels": labels, "HostConfig": host,
    });
    let made = engine.ask("POST", "/containers/create", Some(&wish)).await?;
    let id = made["Id"].as_str().unwrap_or_default().to_owned();
    let started = engine.ask("POST", &format!("/containers/{id}/start"), None).await;
    remove(engine, &id).await?;
    started.map(drop)
}
