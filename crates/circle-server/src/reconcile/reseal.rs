//! What is sealed under an older master key is sealed anew: while the server goes on, one document at a time, by compare-and-swap.
//!
//! A pass that was cut off is simply made again: what it did is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use circle_store::records::{FindAll, Query, Record, RecordError, Records, UpdateError};
use secrecy::ExposeSecret;

use crate::deploy::{self, WorkloadRecord};
use crate::http::ApiError;
use crate::limits::RESEAL_PERIOD;
use crate::records::{DeploymentRecord, Sealed, SecretRecord};
use crate::server::Server;
use crate::vault::{Place, VaultError};

/// How many values are sealed under each key.
pub(crate) type Tally = BTreeMap<String, u64>;

/// Runs until the server goes down: at the start, after every rotation, and by period.
pub(super) async fn run(server: Arc<Server>) {
    loop {
        let rotated = server.vault.rotated().notified();
        if server.vault.key_ids().len() > 1 {
            match pass(&server).await {
                Ok(left) => tracing::info!(?left, "values are sealed under these master keys"),
                Err(error) => tracing::warn!(%error, "sealing anew was cut off; it is tried again"),
            }
        }
        tokio::select! {
            () = server.shutdown.cancelled() => return,
            () = rotated => {}
            () = tokio::time::sleep(RESEAL_PERIOD) => {}
        }
    }
}

/// Seals everything under the newest key, and tells what is sealed under which key afterwards.
pub(crate) async fn pass(server: &Server) -> Result<Tally, ApiError> {
    each::<SecretRecord>(server, renew_secret).await?;
    each::<WorkloadRecord>(server, |server, WorkloadRecord(known)| match &mut known.good {
        Some(good) => {
            let place = (known.workspace, known.lock.as_str());
            deploy::renew(&server.vault, place, &mut good.snapshot.sealed_spec)
        }
        None => Ok(()),
    })
    .await?;
    each::<DeploymentRecord>(server, |server, DeploymentRecord(known)| {
        let place = (known.workspace, known.lock.as_str());
        for snapshot in [&mut known.before, &mut known.previous].into_iter().flatten() {
            deploy::renew(&server.vault, place, &mut snapshot.sealed_spec)?;
        }
        Ok(())
    })
    .await?;
    Ok(tally(&server.records).await?)
}

/// Changes every document of a kind that the change alters. A value that does not open stays as it is, and stands in the tally.
async fn each<T: Record + Clone>(
    server: &Server,
    change: impl Fn(&Server, &mut T) -> Result<(), VaultError> + Copy,
) -> Result<(), ApiError> {
    let mut pages = FindAll::new(server.records.store().as_ref(), Query::all(T::KIND));
    while let Some(heads) = pages.next().await? {
        for head in heads {
            let changed = server.records.update(&head.id, |record: &mut T| {
                let mut renewed = record.clone();
                if let Err(error) = change(server, &mut renewed) {
                    tracing::warn!(kind = %T::KIND, id = head.id, %error, "a sealed value does not open");
                } else {
                    *record = renewed;
                }
                Ok::<(), std::convert::Infallible>(())
            });
            match changed.await {
                Ok(_) | Err(UpdateError::Missing { .. }) => {}
                Err(error) => return Err(ApiError::Unavailable(error.to_string())),
            }
        }
    }
    Ok(())
}

fn renew_secret(server: &Server, record: &mut SecretRecord) -> Result<(), VaultError> {
    if record.sealed.key != server.vault.sealing_key() {
        let place = Place {
            workspace: record.workspace,
            scope: &record.scope,
            name: record.name.as_str(),
        };
        let value = server.vault.open_value(place, &record.sealed)?;
        record.sealed = server.vault.seal(place, value.expose_secret())?;
    }
    Ok(())
}

/// What is sealed under which key, now.
pub(crate) async fn tally(records: &Records) -> Result<Tally, RecordError> {
    let mut tally = sealing_keys(records).await?;
    let mut count = |key: String| *tally.entry(key).or_default() += 1;
    for WorkloadRecord(known) in all::<WorkloadRecord>(records).await? {
        known
            .good
            .and_then(|good| key_of(&good.snapshot.sealed_spec))
            .map(&mut count);
    }
    for DeploymentRecord(known) in all::<DeploymentRecord>(records).await? {
        for snapshot in [known.before, known.previous].into_iter().flatten() {
            key_of(&snapshot.sealed_spec).map(&mut count);
        }
    }
    Ok(tally)
}

fn key_of(sealed: &str) -> Option<String> {
    let sealed: Sealed = serde_json::from_str(sealed).ok()?;
    Some(sealed.key)
}

async fn all<T: Record>(records: &Records) -> Result<Vec<T>, RecordError> {
    let mut pages = FindAll::new(records.store().as_ref(), Query::all(T::KIND));
    let mut found = Vec::new();
    while let Some(heads) = pages.next().await? {
        for head in heads {
            found.extend(records.load::<T>(&head.id).await?.map(|(record, _)| record));
        }
    }
    Ok(found)
}

/// The keys under which secrets are sealed, for a store whose server is not up yet.
pub(crate) async fn sealing_keys(records: &Records) -> Result<Tally, RecordError> {
    let mut tally = Tally::new();
    for secret in all::<SecretRecord>(records).await? {
        *tally.entry(secret.sealed.key).or_default() += 1;
    }
    Ok(tally)
}
