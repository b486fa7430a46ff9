//! The one way to change a run.

use circle_core::ids::{RunId, ServiceId, WorkerId};
use circle_core::run::{ApplyError, Outcome, PartState, Run, RunEvent, StageState, WorkerEvent};
use circle_store::records::{RecordError, UpdateError, Updated, Version};

use crate::records::{RunRecord, ServiceRecord, WorkspaceRecord};
use crate::server::Server;
use crate::time::{now, now_ms};

/// The lease of one part.
pub(crate) fn lease_name(run: RunId, part: usize) -> String {
    format!("{run}/{part}")
}

impl Server {
    /// Applies an event to a run, writes it, and tells everybody whom it concerns.
    ///
    /// # Errors
    /// [`UpdateError::Refused`] with what the run says; store errors as they are.
    pub async fn apply(&self, run: RunId, event: RunEvent) -> Result<(Run, Outcome), UpdateError<ApplyError>> {
        self.apply_all(run, vec![event]).await
    }

    /// The same with several events in one write: all of them, or none.
    ///
    /// # Errors
    /// As [`Server::apply`].
    pub async fn apply_all(
        &self,
        run: RunId,
        events: Vec<RunEvent>,
    ) -> Result<(Run, Outcome), UpdateError<ApplyError>> {
        let decide = |RunRecord(run): &mut RunRecord| take(run, &events);
        let updated = self.records.update(&run.to_string(), decide).await?;
        Ok(self.applied(updated).await)
    }

    /// The same for who has read the run just now.
    pub(crate) async fn apply_known(
        &self,
        (run, version): (Run, Version),
        events: Vec<RunEvent>,
    ) -> Result<(Run, Outcome), UpdateError<ApplyError>> {
        let decide = |RunRecord(run): &mut RunRecord| take(run, &events);
        let updated = self.records.update_known((RunRecord(run), version), decide).await?;
        Ok(self.applied(updated).await)
    }

    async fn applied(&self, updated: Updated<RunRecord, Outcome>) -> (Run, Outcome) {
        let RunRecord(run) = updated.record;
        if updated.result == Outcome::Changed {
            self.observe(&run, updated.version).await;
        }
        (run, updated.result)
    }

    /// A run as it is now.
    ///
    /// # Errors
    /// When the store cannot read it.
    pub async fn run(&self, id: RunId) -> Result<Option<(Run, Version)>, RecordError> {
        let found = self.records.load::<RunRecord>(&id.to_string()).await?;
        Ok(found.map(|(RunRecord(run), version)| (run, version)))
    }

    /// Takes a run in as it was just written: the queue, the watchers, and at its end its log and leases.
    pub(crate) async fn observe(&self, run: &Run, version: Version) {
        self.know_limits(run).await;
        self.queue.observe(run, version, now_ms());
        self.watchers.notify(run.id);
        self.feed.tell(run);
        if run.state.is_ended() {
            tracing::info!(run = %run.id, service = %run.service_name, number = run.number, verdict = run.state.word(), "a run ended");
            self.metrics.ended(run);
            self.finish(run).await;
        }
    }

    /// Gives the leases back and asks for the log to be closed.
    pub(crate) async fn finish(&self, run: &Run) {
        for part in 0..run.parts.len() {
            self.release(&lease_name(run.id, part)).await;
        }
        self.log_desk.forget(run.id);
        self.closings.put(run.id);
    }

    /// Takes every part from a worker whose credential is gone, at once.
    pub(crate) async fn lose_worker(&self, worker: WorkerId) {
        for (run, fence) in self.queue.held_by(worker) {
            let lost = self.apply(run, RunEvent::LeaseLost { part: 0, fence }).await;
            self.release(&lease_name(run, 0)).await;
            if let Err(error) = lost {
                tracing::warn!(%run, %error, "a revoked worker's run waits for its lease to run out");
            }
        }
    }

    async fn release(&self, name: &str) {
        let held = self.leases.current(name).await;
        let released = match held {
            Ok(Some(lease)) => self.leases.release(name, lease.fence).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        if let Err(error) = released {
            tracing::debug!(name, %error, "a lease was not given back; it runs out");
        }
    }

    /// The queue must know how many runs of service and workspace may go at once before it offers one.
    async fn know_limits(&self, run: &Run) {
        if !run.state.is_ended() && !self.queue.knows_limits(run.service) {
            self.tell_limits(run.service).await;
        }
    }

    /// Tells the queue the limits of a service and its workspace; what cannot be read is told with the next run.
    pub(crate) async fn tell_limits(&self, service: ServiceId) {
        let found = self.records.load::<ServiceRecord>(&service.to_string()).await;
        let Ok(Some((ServiceRecord(service), _))) = found else {
            return;
        };
        let workspace = service.workspace.to_string();
        if let Ok(Some((WorkspaceRecord(workspace), _))) = self.records.load::<WorkspaceRecord>(&workspace).await {
            self.queue.limit_workspace(&workspace, now_ms());
        }
        self.queue.limit_service(&service, now_ms());
    }
}

/// All events, or none.
fn take(run: &mut Run, events: &[RunEvent]) -> Result<Outcome, ApplyError> {
    let mut outcome = Outcome::Unchanged;
    for event in events {
        believe(run, event)?;
        if run.apply(event.clone(), now())? == Outcome::Changed {
            outcome = Outcome::Changed;
        }
    }
    Ok(outcome)
}

/// A part that succeeded has no stage that did not; a worker that says otherwise lies.
fn believe(run: &Run, event: &RunEvent) -> Result<(), ApplyError> {
    let RunEvent::Reported {
        part,
        sequence,
        event: WorkerEvent::PartSucceeded,
        ..
    } = event
    else {
        return Ok(());
    };
    let is_new = run.parts.get(*part).is_some_and(|part| part.applied < *sequence);
    let done = run
        .stages
        .iter()
        .all(|stage| matches!(stage.state, StageState::Succeeded { .. }));
    if is_new && !done {
        Err(ApplyError::WrongState {
            state: "not at its end",
        })
    } else {
        Ok(())
    }
}

/// Parts that a worker holds, with their fences.
pub(crate) fn leased_parts(run: &Run) -> impl Iterator<Item = (usize, WorkerId, u64)> {
    run.parts
        .iter()
        .enumerate()
        .filter_map(|(index, part)| match part.state {
            PartState::Leased { worker, fence, .. } => Some((index, worker, fence)),
            _ => None,
        })
}
