//! Images of a run: pulled side by side in the background, each once, and each name resolved once.
//!
//! What a name means is settled when it is first asked for, for most of them before any job runs: containers are made from
//! the image's id. So two stages that name one tag run the same image, though the tag moves at its registry meanwhile, and a
//! job with `docker: true` that tags another image does not become a later stage.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use circle_api::worker::RegistryAccess;
use circle_core::roots::RootImage;
use circle_core::run::{Failure, FailureKind};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::log::StageLog;
use super::traces::Traces;
use crate::engine::{Engine, RawError, Reference, access_for, sentence};

/// How the engine says what a name was resolved to.
const DIGEST_LINE: &str = "Digest: ";

/// The id of the image, or why it cannot be had.
type Pulled = Option<Result<Arc<str>, String>>;

/// The pulls of one run. Dropping it ends them.
#[derive(Debug)]
pub(crate) struct Images {
    engine: Engine,
    registries: Vec<RegistryAccess>,
    traces: Arc<Traces>,
    pulls: Mutex<Pulls>,
}

#[derive(Debug, Default)]
struct Pulls {
    known: HashMap<String, watch::Receiver<Pulled>>,
    tasks: JoinSet<()>,
}

impl Images {
    pub(crate) fn new(engine: Engine, registries: Vec<RegistryAccess>, traces: Arc<Traces>) -> Self {
        Self {
            engine,
            registries,
            traces,
            pulls: Mutex::default(),
        }
    }

    /// Begins to make an image present, unless that is under way. A name that is none fails when it is needed.
    pub(crate) fn start(&self, name: &str) -> watch::Receiver<Pulled> {
        let mut pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = pulls.known.get(name)
            && !matches!(*known.borrow(), Some(Err(_)))
        {
            return known.clone();
        }
        let (done, pulled) = watch::channel(None);
        let (engine, registries, wanted) = (self.engine.clone(), self.registries.clone(), name.to_owned());
        let traces = self.traces.clone();
        pulls.tasks.spawn(async move {
            let result = make_present(&engine, &registries, &wanted, &traces).await;
            done.send_replace(Some(result));
        });
        pulls.known.insert(name.to_owned(), pulled.clone());
        pulled
    }

    /// Waits until the image is present, and gives its id.
    ///
    /// # Errors
    /// [`FailureKind::ImageUnavailable`] names the image and what the registry said.
    pub(super) async fn id(&self, name: &str) -> Result<String, Failure> {
        let mut pulled = self.start(name);
        let result = match pulled.wait_for(Option::is_some).await {
            Ok(result) => result.clone(),
            Err(_) => None,
        };
        let id = result.unwrap_or_else(|| Err("the pull broke off".to_owned()));
        id.map(|id| id.to_string()).map_err(|why| unavailable(name, &why))
    }

    /// The same for a stage whose turn it is: its log says what is waited for.
    ///
    /// # Errors
    /// As [`Images::id`].
    pub(crate) async fn need(&self, name: &str, log: &StageLog) -> Result<String, Failure> {
        let mut pulled = self.start(name);
        if pulled.borrow().is_none() {
            let quick = tokio::time::timeout(Duration::from_millis(300), pulled.wait_for(Option::is_some))
                .await
                .is_ok();
            if !quick {
                log.say(&format!("circle: pulling {name}")).await;
            }
        }
        self.id(name).await
    }
}

fn unavailable(name: &str, why: &str) -> Failure {
    Failure::new(
        FailureKind::ImageUnavailable,
        format!("the image {name} could not be pulled: {why}"),
    )
}

/// Makes the image of a name present and gives its id.
async fn make_present(
    engine: &Engine,
    registries: &[RegistryAccess],
    name: &str,
    traces: &Traces,
) -> Result<Arc<str>, String> {
    let reference = Reference::parse(name).ok_or_else(|| "this is no name of an image".to_owned())?;
    let access = access_for(registries, &reference);
    let present = id_of(engine, &reference).await?;
    if let Some(id) = &present
        && (reference.digest.is_some() || is_believed(traces, &reference, id))
    {
        note(traces, &reference, id, access.is_some());
        return Ok(id.as_str().into());
    }
    let error = match pull(engine, &reference, access).await {
        Ok(pulled) => {
            let id = id_of(engine, &pulled).await?;
            let id = id.ok_or_else(|| "it was removed while it was pulled".to_owned())?;
            note(traces, &reference, &id, access.is_some());
            return Ok(id.into());
        }
        Err(error) => error,
    };
    let known = traces.began().and_then(|began| began.image(&reference.familiar()));
    match (present, known) {
        // The registry is away, and this is what an earlier run of a trusted ref got from it.
        (Some(id), Some(known)) if known.id == id => {
            tracing::warn!(%error, name, "the registry was not asked: the image of the root is used");
            note(traces, &reference, &id, known.private);
            Ok(id.into())
        }
        _ => Err(explain(&error, &reference, access.is_some())),
    }
}

/// Pulls what a name means now, and names it by its digest: whoever moves the tag meanwhile does not change what was pulled.
async fn pull(engine: &Engine, wanted: &Reference, access: Option<&RegistryAccess>) -> Result<Reference, RawError> {
    let path = format!(
        "/images/create?fromImage={}&tag={}",
        encoded(&wanted.name()),
        encoded(wanted.version())
    );
    let mut lines = engine.lines("POST", &path, access).await?;
    let mut pulled = wanted.clone();
    while let Some(line) = lines.next_value().await? {
        let status = line.get("status").and_then(Value::as_str).unwrap_or_default();
        // The engine says so once, after the manifest's bytes were checked against it.
        if let Some(digest) = status.strip_prefix(DIGEST_LINE) {
            pulled = wanted.at(digest);
        }
    }
    Ok(pulled)
}

async fn id_of(engine: &Engine, reference: &Reference) -> Result<Option<String>, String> {
    match engine.docker.inspect_image(&reference.to_string()).await {
        Ok(image) => Ok(image.id),
        Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
        Err(error) => Err(sentence(&error)),
    }
}

/// Whether a tag that is there needs no look at its registry. In a root of the service only the operator's images are: whatever
/// else an earlier run left under a name is asked for again, which costs a question when it has not changed.
fn is_believed(traces: &Traces, reference: &Reference, id: &str) -> bool {
    let Some(began) = traces.began() else { return true };
    began
        .image(&reference.familiar())
        .is_some_and(|image| image.id == id && image.operators)
}

fn note(traces: &Traces, reference: &Reference, id: &str, with_credential: bool) {
    let operators = match traces.began() {
        None => false,
        Some(began) => began
            .image(&reference.familiar())
            .is_some_and(|image| image.operators && image.id == id),
    };
    traces.resolved(RootImage {
        name: reference.familiar(),
        id: id.to_owned(),
        private: with_credential,
        operators,
    });
}

/// What a registry's refusal means for the one who reads it.
fn explain(error: &RawError, image: &Reference, with_credential: bool) -> String {
    let text = error.to_string();
    let lower = text.to_lowercase();
    let host = &image.host;
    if [
        "unauthorized",
        "authentication required",
        "no basic auth",
        "access denied",
        "denied:",
    ]
    .iter()
    .any(|word| lower.contains(word))
    {
        return if with_credential {
            format!("{host} refused the credential of the registry configured for it ({text})")
        } else {
            format!("{host} wants a credential, or there is no such image; `circle registry add` gives it one ({text})")
        };
    }
    if lower.contains("not found") || lower.contains("manifest unknown") || lower.contains("does not exist") {
        return format!("there is no such image at {host}; see its name and tag ({text})");
    }
    if [
        "connection refused",
        "no such host",
        "i/o timeout",
        "no route",
        "network is unreachable",
        "deadline",
        "server misbehaving",
    ]
    .iter()
    .any(|word| lower.contains(word))
    {
        return format!("the registry {host} could not be reached from the cell ({text})");
    }
    text
}

/// A text as a value of a query.
pub(crate) fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
