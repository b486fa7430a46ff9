//! Images of a run: pulled side by side in the background, each once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use circle_api::worker::RegistryAccess;
use circle_core::roots::RootImage;
use circle_core::run::{Failure, FailureKind};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::log::StageLog;
use super::traces::Traces;
use crate::engine::{Engine, Lines, RawError, Reference, access_for, sentence};

type Pulled = Option<Result<(), String>>;

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

    /// Waits until it is clear whether the image can be had; `false`: whoever needs it hears why.
    pub(super) async fn is_had(&self, name: &str) -> bool {
        let mut pulled = self.start(name);
        pulled
            .wait_for(Option::is_some)
            .await
            .is_ok_and(|pulled| matches!(*pulled, Some(Ok(()))))
    }

    /// Waits until the image is present, and says how long that took.
    ///
    /// # Errors
    /// [`FailureKind::ImageUnavailable`] names the image and what the registry said.
    pub(crate) async fn need(&self, name: &str, log: &StageLog) -> Result<Duration, Failure> {
        let began = Instant::now();
        let mut pulled = self.start(name);
        if pulled.borrow().is_none() {
            let quick = tokio::time::timeout(Duration::from_millis(300), pulled.wait_for(Option::is_some))
                .await
                .is_ok();
            if !quick {
                log.say(&format!("circle: pulling {name}")).await;
            }
        }
        let result = match pulled.wait_for(Option::is_some).await {
            Ok(result) => result.clone().unwrap_or(Ok(())),
            Err(_) => Err("the pull broke off".to_owned()),
        };
        result.map_err(|why| unavailable(name, &why))?;
        Ok(began.elapsed())
    }
}

fn unavailable(name: &str, why: &str) -> Failure {
    Failure::new(
        FailureKind::ImageUnavailable,
        format!("the image {name} could not be pulled: {why}"),
    )
}

async fn make_present(
    engine: &Engine,
    registries: &[RegistryAccess],
    name: &str,
    traces: &Traces,
) -> Result<(), String> {
    let reference = Reference::parse(name).ok_or_else(|| "this is no name of an image".to_owned())?;
    let access = access_for(registries, &reference);
    let present = id_of(engine, &reference).await?;
    if let Some(id) = &present
        && (reference.digest.is_some() || is_believed(traces, &reference, id))
    {
        note(traces, &reference, id, access.is_some());
        return Ok(());
    }
    let path = format!(
        "/images/create?fromImage={}&tag={}",
        encoded(&reference.name()),
        encoded(reference.version())
    );
    let pull = async { drain(engine.lines("POST", &path, access).await?).await };
    if let Err(error) = pull.await {
        let known = traces.began().and_then(|began| began.image(&reference.familiar()));
        return match (present, known) {
            // The registry is away, and this is what an earlier run of a trusted ref got from it.
            (Some(id), Some(known)) if known.id == id => {
                tracing::warn!(%error, name, "the registry was not asked: the image of the root is used");
                note(traces, &reference, &id, known.private);
                Ok(())
            }
            _ => Err(explain(&error, &reference, access.is_some())),
        };
    }
    if let Some(id) = id_of(engine, &reference).await? {
        note(traces, &reference, &id, access.is_some());
    }
    Ok(())
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

async fn drain(mut lines: Lines) -> Result<(), RawError> {
    while lines.next().await?.is_some() {}
    Ok(())
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
