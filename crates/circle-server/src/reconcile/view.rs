//! The ready view against the store.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use circle_core::ids::RunId;
use circle_store::records::{FindAll, Query, kinds};

use crate::http::ApiError;
use crate::queue::Entry;
use crate::server::Server;
use crate::time::now_ms;

/// The view follows every write of this process, so comparing it is only a net below.
const COMPARE_PERIOD: Duration = Duration::from_secs(60);

/// Runs until the server goes down.
pub(super) async fn run(server: Arc<Server>) {
    loop {
        tokio::select! {
            () = server.shutdown.cancelled() => return,
            () = tokio::time::sleep(COMPARE_PERIOD) => {}
        }
        if let Err(error) = rebuild(&server).await {
            tracing::warn!(%error, "the ready view was not compared with the store");
        }
    }
}

/// Reads every run that has not ended: waiting ones by their heads, the others whole.
pub(super) async fn rebuild(server: &Server) -> Result<(), ApiError> {
    let before: HashSet<RunId> = server.queue.all().into_iter().collect();
    let mut seen = HashSet::new();
    let mut queued = Vec::new();
    let mut pages = FindAll::new(server.records.store().as_ref(), in_state("queued"));
    while let Some(heads) = pages.next().await? {
        queued.extend(heads.iter().filter_map(Entry::of_queued));
    }
    seen.extend(queued.iter().map(|entry| entry.id));
    for service in queued.iter().map(|entry| entry.service).collect::<HashSet<_>>() {
        server.tell_limits(service).await;
    }
    server.queue.restore(queued);
    for state in ["running", "deploying"] {
        active(server, state, &mut seen).await?;
    }
    for gone in before.difference(&seen) {
        // It may have been made after the pages were read: the store has the last word.
        match server.run(*gone).await? {
            Some((run, version)) => server.queue.observe(&run, version, now_ms()),
            None => server.queue.forget(*gone),
        }
    }
    for (older, number) in server.queue.superseded() {
        server.supersede_by(older, number).await;
    }
    server.queue.dispatch(now_ms());
    Ok(())
}

fn in_state(state: &str) -> Query {
    Query::over(kinds::RUN_STATE).equal(state).limit(1000)
}

async fn active(server: &Server, state: &str, seen: &mut HashSet<RunId>) -> Result<(), ApiError> {
    let mut pages = FindAll::new(server.records.store().as_ref(), in_state(state));
    while let Some(heads) = pages.next().await? {
        for id in heads.iter().filter_map(|head| head.id.parse().ok()) {
            if let Some((run, version)) = server.run(id).await? {
                server.queue.observe(&run, version, now_ms());
                seen.insert(id);
            }
        }
    }
    Ok(())
}
