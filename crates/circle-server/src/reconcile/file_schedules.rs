//! Schedules of the pipeline file: those of the default branch's newest commit, kept as documents.
//!
//! They are settled whenever such a commit is planned: after a push, by hand, and when a schedule itself is due. So a rule that was
//! removed starts nothing even when its push was never heard of.

use std::collections::BTreeSet;

use circle_core::ids::ScheduleId;
use circle_core::pipeline::PipelineFile;
use circle_core::schedule::{Origin, Schedule, Timing};
use circle_core::service::Service;
use circle_core::trigger::{Event, Trigger, Trust};
use circle_store::records::{RecordError, StoreError};
use uuid::Uuid;

use crate::http::{ApiError, for_git};
use crate::records::ScheduleRecord;
use crate::server::Server;
use crate::time::now;

/// Makes the kept schedules those of this file, if it is the newest of the default branch.
pub(super) async fn settle(
    server: &Server,
    service: &Service,
    (file, trigger): (&PipelineFile, &Trigger),
) -> Result<(), ApiError> {
    if !is_of_default_branch(service, trigger) {
        return Ok(());
    }
    let wanted: BTreeSet<Timing> = file.schedules().cloned().collect();
    let kept = server.schedules_of(service.id).await?;
    let kept = kept
        .into_iter()
        .filter(|schedule| matches!(schedule.origin, Origin::File { .. }));
    let (stay, go): (Vec<_>, Vec<_>) = kept.partition(|schedule| wanted.contains(&schedule.timing));
    let new: Vec<&Timing> = wanted
        .iter()
        .filter(|timing| !stay.iter().any(|one| one.timing == **timing))
        .collect();
    if (new.is_empty() && go.is_empty()) || !is_newest(server, service, trigger).await? {
        return Ok(());
    }
    for schedule in go {
        server.remove_schedule(schedule.id).await?;
        tracing::info!(service = %service.name, schedule = %schedule.name, "the file has this schedule no longer");
    }
    for timing in new {
        let schedule = schedule(service, trigger, timing);
        match server.records.insert(&ScheduleRecord(schedule)).await {
            Ok(_) => tracing::info!(service = %service.name, schedule = %timing.said(), "the file has a new schedule"),
            // Another server planned the same commit.
            Err(RecordError::Store(StoreError::Conflict { .. })) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn is_of_default_branch(service: &Service, trigger: &Trigger) -> bool {
    let is_newest = match &trigger.event {
        Event::Push { .. } | Event::Schedule { .. } => true,
        Event::Manual { pinned, .. } => !pinned,
        Event::Tag { .. } | Event::PullRequest { .. } => false,
    };
    is_newest && trigger.trust == Trust::Member && trigger.git_ref == service.default_branch.full()
}

/// A push that was overtaken, or is handled once more, says nothing of what the branch is now. Asked only when something changes.
async fn is_newest(server: &Server, service: &Service, trigger: &Trigger) -> Result<bool, ApiError> {
    let credential = server.clone_credential(service).await?.map(for_git);
    let newest = match server.repositories.mirror(service, credential).await {
        Ok(mirror) => mirror.resolve(&trigger.git_ref).await,
        Err(failure) => Err(failure),
    };
    match newest {
        Ok(newest) => Ok(Some(newest) == trigger.commit),
        Err(failure) => {
            tracing::info!(service = %service.name, why = failure.sentence, "schedules of the file wait for the next push");
            Ok(false)
        }
    }
}

fn schedule(service: &Service, trigger: &Trigger, timing: &Timing) -> Schedule {
    let now = now();
    Schedule {
        id: ScheduleId::from_uuid(Uuid::now_v7()),
        workspace: service.workspace,
        service: service.id,
        name: timing.said(),
        timing: timing.clone(),
        origin: Origin::File {
            commit: trigger.commit.as_ref().map(ToString::to_string).unwrap_or_default(),
        },
        inputs: Default::default(),
        paused: None,
        next_at: timing.clock().ok().and_then(|clock| clock.after(now)),
        last: None,
        left_out: None,
        created_at: now,
    }
}
