//! Removes folders in which containers wrote as root, for a user who is not root: by a container of one static program, the
//! gate in its other role.

use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Value, json};

use super::provider::INSTANCE_LABEL;
use crate::engine::{Engine, EngineError, encoded};
use crate::gate;

/// What a helper's container carries, beside the instance that a sweep goes by.
const HELPER_LABEL: &str = "circle.helper";
/// The image's name; its tag is the cell's, so that nobody removes it under another.
const IMAGE: &str = "circle-tidy";

/// Removes a folder and everything in it.
pub(super) async fn remove_folder(engine: &Engine, tag: &str, folder: &Path) -> io::Result<()> {
    match plainly(folder).await {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        outcome => return outcome,
    }
    by_container(engine, tag, folder).await.map_err(io::Error::other)?;
    plainly(folder).await
}

async fn plainly(folder: &Path) -> io::Result<()> {
    let folder = folder.to_path_buf();
    let removed = tokio::task::spawn_blocking(move || match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    });
    removed.await.unwrap_or_else(|broken| Err(io::Error::other(broken)))
}

async fn by_container(engine: &Engine, tag: &str, folder: &Path) -> Result<(), EngineError> {
    let image = format!("{IMAGE}:{tag}");
    let label = encoded(&format!("LABEL {INSTANCE_LABEL}={}", instance_of(tag)));
    let query = format!(
        "/images/create?fromSrc=-&repo={IMAGE}&tag={}&changes={label}",
        encoded(tag)
    );
    engine.send(&query, &gate::tidy_image()).await?;
    let emptied = empty(engine, (&image, tag), folder).await;
    let removed = engine.ask("DELETE", &format!("/images/{image}?force=1"), None).await;
    emptied?;
    removed.map(drop)
}

/// A cell's name begins with its instance's.
fn instance_of(tag: &str) -> &str {
    tag.split('-').next().unwrap_or(tag)
}

async fn empty(engine: &Engine, (image, tag): (&str, &str), folder: &Path) -> Result<(), EngineError> {
    let wish = json!({
        "Image": image,
        "Entrypoint": [gate::TIDY_PROGRAM],
        "Cmd": [gate::TIDY_WORD, "/folder"],
        "User": "0:0",
        "Labels": { HELPER_LABEL: tag, INSTANCE_LABEL: instance_of(tag) },
        "HostConfig": {
            "NetworkMode": "none",
            "UsernsMode": "host",
            "Mounts": [{ "Type": "bind", "Source": folder, "Target": "/folder" }],
        },
    });
    let made = engine.ask("POST", "/containers/create", Some(&wish)).await?;
    let id = made.get("Id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let ran = async {
        engine.ask("POST", &format!("/containers/{id}/start"), None).await?;
        engine.ask("POST", &format!("/containers/{id}/wait"), None).await
    };
    let ran = ran.await;
    let removed = engine
        .ask("DELETE", &format!("/containers/{id}?force=1&v=1"), None)
        .await;
    let code = ran?.get("StatusCode").and_then(Value::as_i64);
    removed?;
    match code {
        Some(0) => Ok(()),
        code => Err(EngineError::Said {
            code: 500,
            words: format!("the folder could not be emptied (code {code:?})"),
        }),
    }
}
