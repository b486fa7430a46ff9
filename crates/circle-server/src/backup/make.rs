//! Makes a backup while the server goes on.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use circle_store::blobs::{BlobError, Blobs, Digest};
use circle_store::logs::embedded::StillLogs;
use circle_store::records::{EmbeddedStore, FindAll, Kind, Query, Records, kinds};
use futures_util::{Stream, StreamExt};
use tokio::sync::{OwnedMutexGuard, mpsc};
use uuid::Uuid;

use super::archive::Archive;
use super::head::{DATABASE, FORMAT, HEAD, Head, KEYS, NeededKey};
use crate::http::ApiError;
use crate::limits::{BACKUP_QUEUE, BACKUP_TIME};
use crate::reconcile::tally;
use crate::records::RunRecord;
use crate::server::Server;
use crate::time::now;

/// Beneath the data folder: copies of the store, until they were read.
const STAGING: &str = "backup";
/// Documents of one look.
const PAGE: usize = 500;

/// The archive as it is made. It is cut off, and so not whole, when something fails; why stands in the server's log.
///
/// Dropping it ends the work.
pub(crate) fn stream(server: Arc<Server>) -> Result<impl Stream<Item = std::io::Result<Bytes>> + Send, ApiError> {
    let turn = Arc::clone(&server.backups.making).try_lock_owned();
    let turn = turn.map_err(|_| ApiError::Conflict("another backup is being made: wait until it is done".into()))?;
    let (to, mut from) = mpsc::channel(BACKUP_QUEUE);
    let pieces = futures_util::stream::poll_fn(move |context| from.poll_recv(context)).map(Ok);
    let work = futures_util::stream::once(watched(server, to, turn));
    // The work is polled with the answer's body, and ends with it: it needs no task of its own.
    let failures = work.filter_map(|done| std::future::ready(done.err().map(Err)));
    Ok(futures_util::stream::select(pieces, failures))
}

async fn watched(server: Arc<Server>, to: mpsc::Sender<Bytes>, turn: OwnedMutexGuard<()>) -> std::io::Result<()> {
    let began = now();
    let done = tokio::select! {
        () = server.shutdown.cancelled() => Err(anyhow::anyhow!("the server goes down")),
        done = tokio::time::timeout(BACKUP_TIME, make(&server, to)) => {
            done.unwrap_or_else(|_| Err(anyhow::anyhow!("it takes longer than {BACKUP_TIME:?}")))
        }
    };
    drop(turn);
    match done {
        Ok((entries, bytes)) => {
            let took = now().duration_since(began);
            tracing::info!(entries, bytes, took = %took, "a backup was made");
            Ok(())
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "a backup was not made");
            Err(std::io::Error::other("the backup was cut off"))
        }
    }
}

/// Answers the number of entries and of bytes.
async fn make(server: &Server, to: mpsc::Sender<Bytes>) -> anyhow::Result<(u64, u64)> {
    let staging = Staging::make(server.config.data.join(STAGING))?;
    // From here on nothing is removed and nothing is moved; both go on when this ends.
    let _kept = server.backups.removing.lock().await;
    let still = server.backups.sources.logs.hold_still().await?;
    let head = Head {
        format: FORMAT,
        circle: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: now(),
    };
    let mut archive = Archive::new(to, &staging.own.join("sums"), head.made_at).await?;
    archive.text(HEAD, serde_json::to_vec_pretty(&head)?).await?;
    let database = staging.own.join(DATABASE);
    server.backups.sources.store.back_up(&database).await?;
    let size = tokio::fs::metadata(&database).await?.len();
    archive.file(DATABASE, &database, size).await?;
    // What is opened writes beside the copy; it was read before.
    let folder = staging.own.join("records");
    let copy = tokio::task::spawn_blocking(move || EmbeddedStore::open(&folder)).await??;
    let copy = Records::new(Arc::new(copy));
    archive.text(KEYS, keys(&copy).await?).await?;
    logs(&copy, &still, &mut archive).await?;
    outputs(&copy, server.blobs.as_ref(), &mut archive).await?;
    // Closing a store waits for its thread.
    tokio::task::spawn_blocking(move || drop(copy)).await?;
    archive.finish().await?;
    Ok((archive.entries, archive.bytes))
}

/// A folder of the server's alone that is gone with the value, also when whoever asked hangs up. Each backup has its own: a thread
/// that still copies for one that nobody wants any more does not meddle with the next.
struct Staging {
    all: PathBuf,
    own: PathBuf,
}

impl Staging {
    fn make(all: PathBuf) -> std::io::Result<Self> {
        let own = all.join(Uuid::now_v7().simple().to_string());
        let staging = Self { all, own };
        staging.remove();
        let mut builder = DirBuilder::new();
        builder
            .recursive(true)
            .mode(0o700)
            .create(staging.own.join("records"))?;
        Ok(staging)
    }

    /// A few files: this takes no time.
    fn remove(&self) {
        match std::fs::remove_dir_all(&self.all) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(folder = %self.all.display(), %error, "what was copied for a backup stays until the next one");
            }
            _ => {}
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        self.remove();
    }
}

async fn keys(copy: &Records) -> anyhow::Result<Vec<u8>> {
    let tally = tally(copy).await?;
    let needed = tally.into_iter().map(|(id, values)| NeededKey { id, values });
    Ok(serde_json::to_vec_pretty(&needed.collect::<Vec<_>>())?)
}

/// The log of every run that the copy knows.
async fn logs(copy: &Records, still: &StillLogs, archive: &mut Archive) -> anyhow::Result<()> {
    let mut pages = FindAll::new(copy.store().as_ref(), Query::all(Kind::Run).limit(PAGE));
    while let Some(heads) = pages.next().await? {
        for head in heads {
            let ended = head.text("/state/name").is_some_and(RunRecord::is_end);
            for file in still.files(&head.id, ended).await? {
                let name = format!("logs/{}", file.name.display());
                archive.file(&name, &file.path, file.bytes).await?;
            }
        }
    }
    Ok(())
}

/// Every blob that the copy names, once.
async fn outputs(copy: &Records, blobs: &dyn Blobs, archive: &mut Archive) -> anyhow::Result<()> {
    let mut pages = FindAll::new(copy.store().as_ref(), Query::over(kinds::BLOB_DIGEST).limit(PAGE));
    let mut last = String::new();
    while let Some(heads) = pages.next().await? {
        for head in heads {
            let digest = head.text("/digest").unwrap_or_default();
            if digest != last {
                digest.clone_into(&mut last);
                blob(&digest.parse()?, blobs, archive).await?;
            }
        }
    }
    Ok(())
}

/// A blob that is gone or damaged is so in the copy too: it must not keep the rest from being saved.
async fn blob(digest: &Digest, blobs: &dyn Blobs, archive: &mut Archive) -> anyhow::Result<()> {
    let reader = match blobs.get(digest).await {
        Err(BlobError::Missing(_)) => {
            tracing::warn!(%digest, "an output is not there and so not in the backup");
            return Ok(());
        }
        other => other?,
    };
    let hex = digest.hex();
    let name = format!("blobs/sha256/{}/{hex}", &hex[..2]);
    let bytes = reader.bytes.map(|piece| piece.map_err(std::io::Error::other));
    archive.entry(&name, reader.size, bytes).await
}
