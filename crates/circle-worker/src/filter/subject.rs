//! Whose a container is that a request is about.

use http::Request;
use serde_json::{Value, json};

use super::Refusal;
use super::create::{Created, NETWORK_MODE, OF_CONTAINER};
use super::others::judge_join;
use super::routes::{Route, Subject, encoded};
use super::serve::{Desk, MADE_BY, Verdict, read, read_error};
use crate::engine::empty;
use crate::execute::STAGE_LABEL;

/// A container that the engine knows.
struct Found {
    id: String,
    labels: Value,
}

impl Found {
    fn label(&self, name: &str) -> Option<&str> {
        self.labels.get(name).and_then(Value::as_str)
    }
}

impl Desk<'_> {
    /// Refuses what is done to a container of Circle's own; names another by its id, which nobody can change.
    pub(super) async fn spare_own(&self, route: &mut Route) -> Result<(), Verdict> {
        match route.subject.clone() {
            None => Ok(()),
            Some(Subject::Container(name)) => {
                let found = self.foreign(&name).await?;
                route.name_container(&found.id);
                Ok(())
            }
            Some(Subject::Exec(id)) => {
                let exec = self.ask(&format!("/exec/{}/json", encoded(&id))).await?;
                let container = text(&exec, "/ContainerID")?;
                self.foreign(&container).await.map(drop)
            }
        }
    }

    /// Writes the id of the container whose network is shared, if the job made that container itself.
    pub(super) async fn share_network(&self, created: &mut Created) -> Result<(), Verdict> {
        let Some(name) = created.shares.take() else {
            return Ok(());
        };
        let found = self.foreign(&name).await?;
        if found.label(MADE_BY) != Some(self.stage) {
            let sentence =
                format!("`NetworkMode` may be that of containers which the job made, and {name} is none of them");
            return Err(Refusal::new(sentence).into());
        }
        if let Some(mode) = created.body.pointer_mut(NETWORK_MODE) {
            *mode = json!(format!("{OF_CONTAINER}{}", found.id));
        }
        Ok(())
    }

    /// A container joins a network or leaves it: one of the job's, or one of its own stage.
    pub(super) async fn join(&self, body: &Value) -> Result<Value, Verdict> {
        let mut body = judge_join(body)?;
        let name = text(&body, "/Container")?;
        let found = self.found(&name).await?;
        if self.is_own(&found) && found.label(STAGE_LABEL) != Some(self.stage) {
            return Err(own(&name));
        }
        body["Container"] = json!(found.id);
        Ok(body)
    }

    /// A container that is not Circle's own.
    async fn foreign(&self, name: &str) -> Result<Found, Verdict> {
        let found = self.found(name).await?;
        if self.is_own(&found) {
            return Err(own(name));
        }
        Ok(found)
    }

    /// By its id, and by its label as long as the engine has not told the id.
    fn is_own(&self, found: &Found) -> bool {
        self.places.shared.own.holds(&found.id) || found.labels.get(STAGE_LABEL).is_some()
    }

    /// What the engine says is this container. When it knows none, or several, that is the answer to the job: a name could lead
    /// elsewhere by the time it is asked again.
    async fn found(&self, name: &str) -> Result<Found, Verdict> {
        let container = self.ask(&format!("/containers/{}/json", encoded(name))).await?;
        Ok(Found {
            id: text(&container, "/Id")?,
            labels: container.pointer("/Config/Labels").cloned().unwrap_or_default(),
        })
    }

    async fn ask(&self, path: &str) -> Result<Value, Verdict> {
        let request = Request::get(path).header("host", "engine").body(empty());
        let request = request.map_err(|error| Verdict::Bad(error.to_string()))?;
        let sent = self.places.shared.engine.send(request).await;
        let (response, _connection) = sent.map_err(|error| Verdict::Bad(error.to_string()))?;
        let status = response.status();
        if status.is_success() {
            return read(response.into_body()).await;
        }
        Err(Verdict::Engine(status, read_error(response.into_body()).await))
    }
}

fn own(name: &str) -> Verdict {
    Refusal::new(format!("{name} is a container of Circle itself")).into()
}

fn text(value: &Value, pointer: &str) -> Result<String, Verdict> {
    let text = value
        .pointer(pointer)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    text.map(str::to_owned)
        .ok_or_else(|| Verdict::Bad(format!("there is no `{}`", pointer.trim_start_matches('/'))))
}
