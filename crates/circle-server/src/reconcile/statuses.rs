//! Tells forges what became of their commits: what a run's outbox holds is posted until the forge has heard it.
//!
//! Side by side among connections, one after the other within one: a forge that is slow or down delays nobody else's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use circle_core::ids::{RunId, ServiceId};
use circle_core::run::{Run, Status};
use circle_store::records::{Kind, Query, kinds};
use jiff::SignedDuration;
use tokio::task::JoinSet;

use crate::forge::{Forge, ForgeError};
use crate::http::ApiError;
use crate::limits::{LOOP_PERIOD, STATUSES_AT_ONCE, STATUSES_LOOKED_AT};
use crate::records::RunRecord;
use crate::server::Server;
use crate::time::{now, now_ms};

/// After a notice: stages that end together are told together.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

/// Runs until the server goes down.
pub(super) async fn run(server: Arc<Server>) {
    let mut changes = server.records.store().changes(Kind::Run);
    let mut tasks = JoinSet::new();
    let mut busy = BTreeSet::new();
    loop {
        if let Err(error) = fill(&server, &mut tasks, &mut busy).await {
            tracing::warn!(%error, "what forges are to be told cannot be read; it is tried again");
        }
        tokio::select! {
            () = server.shutdown.cancelled() => break,
            () = changes.changed() => tokio::time::sleep(LOOK_PAUSE).await,
            Some(done) = tasks.join_next() => match done {
                Ok(service) => { busy.remove(&service); }
                Err(_) => {
                    tasks.shutdown().await;
                    busy.clear();
                }
            },
            () = tokio::time::sleep(LOOP_PERIOD) => {}
        }
    }
    tasks.shutdown().await;
}

/// Gives every free hand the runs of one service that have something to tell.
async fn fill(
    server: &Arc<Server>,
    tasks: &mut JoinSet<ServiceId>,
    busy: &mut BTreeSet<ServiceId>,
) -> Result<(), ApiError> {
    let due = Query::over(kinds::RUN_OUTBOX)
        .at_most(now_ms())
        .limit(STATUSES_LOOKED_AT);
    let mut waiting: BTreeMap<ServiceId, Vec<RunId>> = BTreeMap::new();
    for head in server.records.find(due).await?.heads {
        let service = head.text("/service").and_then(|text| text.parse().ok());
        if let (Some(service), Ok(run)) = (service, head.id.parse()) {
            waiting.entry(service).or_default().push(run);
        }
    }
    for (service, runs) in waiting {
        if tasks.len() >= STATUSES_AT_ONCE {
            break;
        }
        if busy.insert(service) {
            let server = Arc::clone(server);
            tasks.spawn(async move {
                tell_all(&server, runs).await;
                service
            });
        }
    }
    Ok(())
}

async fn tell_all(server: &Server, runs: Vec<RunId>) {
    for run in runs {
        if let Err(error) = tell(server, run).await {
            tracing::warn!(%run, %error, "a forge was not told of a run; it is tried again");
            later(server, run, None).await;
        }
    }
}

async fn tell(server: &Server, id: RunId) -> Result<(), ApiError> {
    let Some((run, _)) = server.run(id).await? else {
        return Ok(());
    };
    let unsaid = run.unsaid();
    if unsaid.is_empty() {
        return Ok(());
    }
    let Some((forge, repository)) = forge_of(server, &run).await? else {
        return change(server, id, Run::say_nothing).await;
    };
    let page = server.run_url(id);
    for (name, status) in unsaid {
        match post(forge.as_ref(), &repository, &run, (&name, &status, &page)).await {
            Ok(()) => change(server, id, |run| run.said(name.clone(), status.clone())).await?,
            // Somebody can give another token, and then it is told.
            Err(error) if error.is_temporary() || error == ForgeError::Token => {
                tracing::info!(run = %id, %error, "a status waits for its forge");
                let at_least = match error {
                    ForgeError::Busy(pause) => SignedDuration::try_from(pause).ok(),
                    _ => None,
                };
                later(server, id, at_least).await;
                return Ok(());
            }
            Err(error) => {
                tracing::warn!(run = %id, %error, "the forge does not take the status of a commit");
                return change(server, id, Run::say_nothing).await;
            }
        }
    }
    Ok(())
}

/// `None` when the service, its link or its connection is gone.
async fn forge_of(server: &Server, run: &Run) -> Result<Option<(Box<dyn Forge>, String)>, ApiError> {
    let found = async {
        let service = server.service_by_id(run.service).await?;
        let link = service
            .forge
            .ok_or_else(|| ApiError::not_found("forge of the service", run.service))?;
        let connection = server.forge_connection(link.connection).await?;
        Ok((server.forge(&connection).await?, link.repository))
    };
    match found.await {
        Ok(found) => Ok(Some(found)),
        Err(ApiError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn post(forge: &dyn Forge, repository: &str, run: &Run, status: (&str, &Status, &str)) -> Result<(), ForgeError> {
    match &run.trigger.commit {
        Some(commit) => forge.set_status(repository, commit, status).await,
        None => Ok(()),
    }
}

async fn later(server: &Server, run: RunId, at_least: Option<SignedDuration>) {
    if let Err(error) = change(server, run, |run| run.say_later(now(), at_least)).await {
        tracing::warn!(%run, %error, "that a forge did not answer was not written down");
    }
}

/// Only what the forge has heard is changed; the run itself stays as it is.
async fn change(server: &Server, run: RunId, mut set: impl FnMut(&mut Run)) -> Result<(), ApiError> {
    let put = |RunRecord(run): &mut RunRecord| {
        set(run);
        Ok::<(), ApiError>(())
    };
    server.records.update(&run.to_string(), put).await?;
    Ok(())
}
