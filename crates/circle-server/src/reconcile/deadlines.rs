//! What time brings about: leases run out, waits and runs take too long, offers stay unanswered.

use std::sync::Arc;

use circle_core::ids::RunId;
use circle_core::run::{ApplyError, CancelCause, RunEvent};
use circle_store::leases::Lease;
use circle_store::records::UpdateError;

use crate::limits::DEADLINE_PERIOD;
use crate::queue::Due;
use crate::runs::lease_name;
use crate::server::Server;
use crate::time::now_ms;

/// Who asks for a run's end when nobody did.
const CLOCK: &str = "its timeout";

/// Runs until the server goes down.
pub(super) async fn run(server: Arc<Server>) {
    loop {
        lost_leases(&server).await;
        forgotten_leases(&server).await;
        passed_deadlines(&server).await;
        server.queue.dispatch(now_ms());
        tokio::select! {
            () = server.shutdown.cancelled() => return,
            () = tokio::time::sleep(DEADLINE_PERIOD) => {}
        }
    }
}

async fn lost_leases(server: &Server) {
    let expired = match server.leases.expired(now_ms()).await {
        Ok(expired) => expired,
        Err(error) => return tracing::warn!(%error, "leases cannot be read"),
    };
    for lease in expired {
        // Names of other kinds of lease are others' to look after.
        let Some((run, part)) = part_of(&lease) else { continue };
        if lose(server, run, part, lease.fence.0).await {
            let _ = server.leases.release(&lease.name, lease.fence).await;
        }
    }
}

fn part_of(lease: &Lease) -> Option<(RunId, usize)> {
    let (run, part) = lease.name.split_once('/')?;
    Some((run.parse().ok()?, part.parse().ok()?))
}

/// Whether nothing of the lease is left in the run.
async fn lose(server: &Server, run: RunId, part: usize, fence: u64) -> bool {
    match server.apply(run, RunEvent::LeaseLost { part, fence }).await {
        Ok((run, _)) => {
            tracing::warn!(run = %run.id, fence, state = run.state.word(), "a lease ran out");
            true
        }
        Err(UpdateError::Refused(ApplyError::Ended) | UpdateError::Missing { .. }) => true,
        Err(error) => {
            tracing::warn!(%run, %error, "a lost lease was not written; it is tried again");
            false
        }
    }
}

/// A part whose lease is nowhere (a store restored from a backup) is lost too.
async fn forgotten_leases(server: &Server) {
    for (run, fence) in server.queue.leased() {
        if let Ok(None) = server.leases.current(&lease_name(run, 0)).await {
            lose(server, run, 0, fence).await;
        }
    }
}

async fn passed_deadlines(server: &Server) {
    for due in server.queue.due(now_ms()) {
        let result = match due {
            Due::Queue(run) => server.apply(run, RunEvent::QueueTimedOut).await.map(|_| ()),
            Due::Run(run) => server
                .cancel(run, CancelCause::RunTimeout, CLOCK, false)
                .await
                .map(|_| ()),
        };
        if let Err(error) = result {
            tracing::debug!(?due, %error, "a deadline had nothing to end");
            refresh(server, due).await;
        }
    }
}

/// The view is behind: it takes in what the store says.
async fn refresh(server: &Server, due: Due) {
    let (Due::Queue(id) | Due::Run(id)) = due;
    match server.run(id).await {
        Ok(Some((run, version))) => server.queue.observe(&run, version, now_ms()),
        Ok(None) => server.queue.forget(id),
        Err(error) => tracing::warn!(run = %id, %error, "a run cannot be read"),
    }
}
