//! The way in.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use circle_store::blobs::{Blobs, ObjectBlobs};
use circle_store::logs::EmbeddedLogs;
use circle_store::records::{EmbeddedStore, Records};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::connections::Door;
use super::listeners::Listeners;
use crate::auth::{FirstStartError, prepare};
use crate::backup::{IN_PROGRESS, Sources};
use crate::config::ServerConfig;
use crate::http;
use crate::notify::{MailConfigError, MailNotifier};
use crate::reconcile::{self, sealing_keys};
use crate::records::{FormatError, check_format};
use crate::server::{Server, Stores};
use crate::vault::{KeySource, Vault, VaultError};

/// Why the server did not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The data folder cannot be used.
    #[error("cannot use the data folder {folder}: {source}")]
    Folder {
        /// Which.
        folder: String,
        #[source]
        source: std::io::Error,
    },
    /// A store did not open.
    #[error("{0}")]
    Store(String),
    /// A restore did not come to its end.
    #[error(
        "a restore was cut off, {0} is left of it: remove everything in that folder but the master key, then restore again"
    )]
    HalfRestored(String),
    /// Another version of Circle wrote the data.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The master key is not usable.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The settings of mail cannot work.
    #[error(transparent)]
    Mail(#[from] MailConfigError),
    /// The first tokens could not be made.
    #[error(transparent)]
    FirstStart(#[from] FirstStartError),
    /// The stores opened and could not be read.
    #[error("the stores cannot be read: {0}")]
    Unreadable(String),
    /// A task that must live ended.
    #[error("a task of the server ended by itself: {0}")]
    TaskEnded(String),
}

/// Serves until `shutdown`, then ends what is under way within the configured grace.
///
/// # Errors
/// [`ServeError`] when it cannot start, or when one of its tasks died.
pub async fn serve(config: ServerConfig, listeners: Listeners, shutdown: CancellationToken) -> Result<(), ServeError> {
    let grace = Duration::from_millis(config.drain_ms);
    let (stores, logs) = open_stores(&config.data).await?;
    let mail = config.mail.as_ref().map(MailNotifier::open).transpose()?;
    check_format(&stores.records).await?;
    let vault = open_vault(&config, &stores.records).await?;
    // Loops and requests end with this token also when a task dies.
    let ending = shutdown.child_token();
    let server = Arc::new(Server::new(config, stores, vault, ending.clone()));
    prepare(&server).await?;
    http::make_default_workspace(&server)
        .await
        .map_err(|error| ServeError::Unreadable(error.to_string()))?;
    let mut tasks = JoinSet::new();
    reconcile::start(&server, mail, &mut tasks)
        .await
        .map_err(|error| ServeError::Unreadable(error.to_string()))?;
    tasks.spawn(close_ended_logs(Arc::clone(&server), logs));
    tasks.spawn(finish_calls(Arc::clone(&server)));
    let door = Door::new(http::router(Arc::clone(&server)), ending.clone());
    if let Some(tcp) = listeners.tcp {
        tasks.spawn(door.clone().tcp(tcp));
    }
    if let Some(unix) = listeners.unix {
        tasks.spawn(door.clone().unix(unix));
    }
    drop(door);
    tracing::info!(url = server.config.url, "the server answers");
    let died = watch(&mut tasks, &shutdown).await;
    ending.cancel();
    drain(&mut tasks, grace).await;
    died.map_or(Ok(()), |reason| Err(ServeError::TaskEnded(reason)))
}

/// Opens the keys, and makes sure that they are this store's: a new key never takes the place of one that was lost.
async fn open_vault(config: &ServerConfig, records: &Records) -> Result<Vault, ServeError> {
    let unreadable = |error: &dyn std::fmt::Display| ServeError::Unreadable(error.to_string());
    let sealed = sealing_keys(records).await.map_err(|error| unreadable(&error))?;
    let path = config.data.join("master-key");
    let source = match &config.master_key_command {
        Some(words) => KeySource::Command(words.clone()),
        None if !sealed.is_empty() && !path.exists() => {
            let path = path.display().to_string();
            let values = sealed.values().sum();
            return Err(VaultError::Missing { path, values }.into());
        }
        None => KeySource::File(path),
    };
    let opened = tokio::task::spawn_blocking(move || Vault::open_from(source)).await;
    let vault = opened.map_err(|error| unreadable(&error))??;
    let known = vault.key_ids();
    match sealed.into_keys().find(|id| !known.contains(id)) {
        Some(id) => Err(VaultError::UnknownKey { id }.into()),
        None => Ok(vault),
    }
}

async fn open_stores(data: &Path) -> Result<(Stores, EmbeddedLogs), ServeError> {
    let folder = data.to_owned();
    let opened = tokio::task::spawn_blocking(move || open_blocking(&folder)).await;
    let (store, logs, blobs) = opened.map_err(|error| ServeError::Store(error.to_string()))??;
    let leases = store
        .leases()
        .await
        .map_err(|error| ServeError::Store(error.to_string()))?;
    let sources = Sources {
        store: store.clone(),
        logs: logs.clone(),
    };
    let stores = Stores {
        records: Records::new(Arc::new(store)),
        leases: Arc::new(leases),
        log_bus: Arc::new(logs.clone()),
        log_archive: Arc::new(logs.clone()),
        blobs: Arc::new(blobs) as Arc<dyn Blobs>,
        sources,
    };
    Ok((stores, logs))
}

fn open_blocking(data: &Path) -> Result<(EmbeddedStore, EmbeddedLogs, ObjectBlobs), ServeError> {
    let half = data.join(IN_PROGRESS);
    if half.exists() {
        return Err(ServeError::HalfRestored(half.display().to_string()));
    }
    std::fs::create_dir_all(data).map_err(|source| ServeError::Folder {
        folder: data.display().to_string(),
        source,
    })?;
    let store = EmbeddedStore::open(&data.join("records")).map_err(|error| ServeError::Store(said(&error)))?;
    let logs = EmbeddedLogs::open(&data.join("logs")).map_err(|error| ServeError::Store(said(&error)))?;
    let blobs = ObjectBlobs::in_folder(&data.join("blobs")).map_err(|error| ServeError::Store(said(&error)))?;
    Ok((store, logs, blobs))
}

/// An error with its causes: these are read by the operator who starts the server.
fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}

/// Waits for the shutdown; a task that ends before it is told by name.
async fn watch(tasks: &mut JoinSet<()>, shutdown: &CancellationToken) -> Option<String> {
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return None,
            ended = tasks.join_next() => match ended {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    tracing::error!(%error, "a task of the server died");
                    return Some(error.to_string());
                }
                None => return Some("none is left".into()),
            },
        }
    }
}

async fn drain(tasks: &mut JoinSet<()>, grace: Duration) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, all).await.is_err() {
        tracing::warn!(left = tasks.len(), "the grace is over: what is left is cut off");
        tasks.shutdown().await;
    }
}

/// Calls with a key go on without their caller, and are waited for at the end.
async fn finish_calls(server: Arc<Server>) {
    server.shutdown.cancelled().await;
    server.once.finished().await;
}

/// Once after the start: logs of runs that ended while nobody could close them.
async fn close_ended_logs(server: Arc<Server>, logs: EmbeddedLogs) {
    let unfinished = match logs.unfinished().await {
        Ok(unfinished) => unfinished,
        Err(error) => return tracing::warn!(%error, "unfinished logs cannot be listed"),
    };
    for one in unfinished {
        let Ok(id) = one.run.parse() else { continue };
        let ended = match server.run(id).await {
            Ok(Some((run, _))) => run.state.is_ended(),
            // A run that was never made: its plan's log was written, then the server died; it is made again.
            Ok(None) => false,
            Err(error) => {
                tracing::warn!(run = one.run, %error, "a run cannot be read");
                continue;
            }
        };
        if ended {
            server.closings.put(id);
        }
    }
}
