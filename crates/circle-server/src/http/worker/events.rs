//! What a worker tells of its part: fenced, in order, idempotent, and believed only as far as it can be true.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use circle_api::worker::{Events, EventsAnswer, NumberedEvent};
use circle_core::pipeline::is_beneath;
use circle_core::run::{RunEvent, WorkerEvent};

use super::access::image_home;
use crate::auth::RunLease;
use crate::http::{ApiError, Body};
use crate::limits::EVENTS_PER_REPORT;
use crate::records::BlobRecord;
use crate::server::Server;

/// Applies a report in one write, or nothing of it.
pub(super) async fn events(
    State(server): State<Arc<Server>>,
    lease: RunLease,
    Body(report): Body<Events>,
) -> Result<Json<EventsAnswer>, ApiError> {
    if report.part != lease.part {
        return Err(ApiError::Invalid(
            "the report is of another part than the token's".into(),
        ));
    }
    if report.events.len() > EVENTS_PER_REPORT {
        return Err(ApiError::TooLarge(format!(
            "a report has at most {EVENTS_PER_REPORT} events"
        )));
    }
    for NumberedEvent { event, .. } in &report.events {
        check(&server, &lease, event).await?;
    }
    let (part, fence) = (lease.part, lease.fence);
    let reported = report.events.into_iter();
    let events = reported.map(|one| RunEvent::Reported {
        part,
        fence,
        sequence: one.sequence,
        event: one.event,
    });
    let known = (lease.run, lease.version);
    let (run, _) = server.apply_known(known, events.collect()).await?;
    let applied = run.parts.get(part).map_or(0, |part| part.applied);
    let cancel = run.cancel.as_ref().map(|cancel| cancel.cause);
    Ok(Json(EventsAnswer { applied, cancel }))
}

/// Refuses what cannot be true whatever the worker did.
async fn check(server: &Server, lease: &RunLease, event: &WorkerEvent) -> Result<(), ApiError> {
    match event {
        WorkerEvent::StageSucceeded {
            stage,
            output: Some(output),
            ..
        } => {
            let id = BlobRecord::id_of_output(lease.run.id, stage);
            let stored = server.records.load::<BlobRecord>(&id).await?;
            let fits = stored.is_some_and(|(stored, _)| stored.digest == output.digest && stored.size == output.bytes);
            fits.then_some(())
                .ok_or_else(|| ApiError::Invalid(format!("the output of {stage} was not stored here")))
        }
        WorkerEvent::ImagePushed { repository, digest, .. } => {
            let home = image_home(server, &lease.run).await?;
            let beneath = home.is_some_and(|home| is_beneath(repository, &home));
            if !beneath {
                return Err(ApiError::Invalid(format!("the service may not push to {repository}")));
            }
            let hex = digest.strip_prefix("sha256:").unwrap_or_default();
            let whole = hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            whole
                .then_some(())
                .ok_or_else(|| ApiError::Invalid("a digest is sha256: and 64 hex digits".into()))
        }
        _ => Ok(()),
    }
}
