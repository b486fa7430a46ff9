//! What carries a label at an engine, and the removal of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Engine, EngineError, encoded};

/// Containers that somebody is just making come after the first look; they are looked for so long.
const REMOVAL_DEADLINE: Duration = Duration::from_secs(60);
const REMOVAL_PAUSE: Duration = Duration::from_millis(20);

/// Everything at an engine that carries one label (`name=value`).
#[derive(Debug, Clone)]
pub(crate) struct Marked {
    engine: Engine,
    label: String,
}

impl Marked {
    pub(crate) fn new(engine: Engine, label: String) -> Self {
        Self { engine, label }
    }

    /// Kills and removes containers until there is none; gives the names of those that were there.
    pub(crate) async fn remove_containers(&self) -> Result<Vec<String>, EngineError> {
        let deadline = Instant::now() + REMOVAL_DEADLINE;
        let mut removed = Vec::new();
        loop {
            let found = self.ids("/containers/json?all=1&filters=", "Id").await?;
            if found.is_empty() {
                return Ok(removed);
            }
            let removals = found
                .iter()
                .map(|id| self.remove(format!("/containers/{id}?force=1&v=1")));
            let outcomes = futures_util::future::join_all(removals).await;
            for (id, outcome) in found.into_iter().zip(outcomes) {
                match outcome {
                    Ok(()) => removed.push(id),
                    // Another removal of it is under way, or it is being made: look again.
                    Err(EngineError::Said { code: 409, .. }) if Instant::now() < deadline => {}
                    Err(error) => return Err(error),
                }
            }
            tokio::time::sleep(REMOVAL_PAUSE).await;
        }
    }

    /// Removes what is left when no container is: networks, volumes, images.
    pub(crate) async fn remove_rest(&self) -> Result<(), EngineError> {
        for id in self.ids("/networks?filters=", "Id").await? {
            self.remove(format!("/networks/{id}")).await?;
        }
        for name in self.ids("/volumes?filters=", "Name").await? {
            self.remove(format!("/volumes/{}?force=1", encoded(&name))).await?;
        }
        for id in self.ids("/images/json?all=1&filters=", "Id").await? {
            match self.remove(format!("/images/{id}?force=1")).await {
                // Somebody built on it meanwhile: it is theirs now.
                Err(EngineError::Said { code: 409, .. }) => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    async fn remove(&self, path: String) -> Result<(), EngineError> {
        match self.engine.ask("DELETE", &path, None).await {
            Err(error) if !error.is_absence() => Err(error),
            _ => Ok(()),
        }
    }

    async fn ids(&self, path: &str, key: &str) -> Result<Vec<String>, EngineError> {
        let filters = encoded(&json!({ "label": [self.label] }).to_string());
        let answer = self.engine.ask("GET", &format!("{path}{filters}"), None).await?;
        // Volumes come in an object of their own.
        let list = answer.get("Volumes").unwrap_or(&answer);
        let ids = list.as_array().into_iter().flatten();
        Ok(ids
            .filter_map(|one| one.get(key).and_then(Value::as_str).map(str::to_owned))
            .collect())
    }
}
