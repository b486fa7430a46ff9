//! Runs that the clock starts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::starting::{ScheduleChange, ScheduleCreate, ScheduleView, texts};
use circle_api::routes;
use circle_core::ids::{ScheduleId, ServiceId};
use circle_core::inputs::settle_standing;
use circle_core::schedule::{DEFAULT_ZONE, MAX_SCHEDULES, Origin, Schedule, Timing, TimingFault};
use circle_store::records::{Query, RecordError, StoreError, kinds};
use uuid::Uuid;

use super::triggers::entry;
use crate::auth::{Developer, Viewer, Within};
use crate::http::{ApiError, Body, Segments};
use crate::reconcile::{declared_inputs, in_its_field};
use crate::records::ScheduleRecord;
use crate::server::Server;
use crate::time::now;

/// Rules of the file and what was added beside it, by name.
#[utoipa::path(get, path = routes::SCHEDULES, tag = "schedules", operation_id = "list_schedules", params(("workspace" = String, Path), ("service" = String, Path)), responses((status = 200, body = Vec<ScheduleView>)))]
pub(in crate::http) async fn list(
    State(server): State<Arc<Server>>,
    within: Within<Viewer>,
    Segments((_workspace, name)): Segments<(String, String)>,
) -> Result<Json<Vec<ScheduleView>>, ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    let schedules = server.schedules_of(service.id).await?;
    Ok(Json(schedules.iter().map(|one| ScheduleView::of(one, now())).collect()))
}

/// Adds one beside the file.
#[utoipa::path(post, path = routes::SCHEDULES, tag = "schedules", operation_id = "create_schedule", params(("workspace" = String, Path), ("service" = String, Path)), request_body = ScheduleCreate, responses((status = 201, body = ScheduleView)))]
pub(in crate::http) async fn create(
    State(server): State<Arc<Server>>,
    within: Within<Developer>,
    Segments((_workspace, name)): Segments<(String, String)>,
    Body(wish): Body<ScheduleCreate>,
) -> Result<(StatusCode, Json<ScheduleView>), ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    let timing = Timing {
        cron: wish.cron,
        zone: wish.zone.unwrap_or_else(|| DEFAULT_ZONE.to_owned()),
    };
    let clock = timing.clock().map_err(|fault| refused(&fault))?;
    let own = server.schedules_of(service.id).await?;
    let own = own
        .iter()
        .filter(|one| matches!(one.origin, Origin::Service { .. }))
        .count();
    if own >= MAX_SCHEDULES {
        let message = format!("a service has at most {MAX_SCHEDULES} schedules beside its file: remove one first");
        return Err(ApiError::Conflict(message));
    }
    let inputs = texts(wish.inputs);
    if !inputs.is_empty() {
        let branch = wish.branch.as_ref().unwrap_or(&service.default_branch);
        let (_, declared) = declared_inputs(&server, &service, (&branch.full(), None)).await?;
        settle_standing(&declared.inputs, &inputs)
            .map_err(|faults| ApiError::Faults(faults.into_iter().map(in_its_field).map(entry).collect()))?;
    }
    let now = now();
    let schedule = Schedule {
        id: ScheduleId::from_uuid(Uuid::now_v7()),
        workspace: service.workspace,
        service: service.id,
        name: wish.name.to_string(),
        next_at: clock.after(now),
        timing,
        origin: Origin::Service {
            by: within.caller.name,
            branch: wish.branch,
        },
        inputs,
        paused: None,
        last: None,
        left_out: None,
        created_at: now,
    };
    let view = ScheduleView::of(&schedule, now);
    server.records.insert(&ScheduleRecord(schedule)).await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Pauses one, or lets it go on. What is due in a pause is not made up for.
#[utoipa::path(patch, path = routes::SCHEDULE, tag = "schedules", operation_id = "change_schedule", params(("workspace" = String, Path), ("service" = String, Path), ("schedule" = String, Path)), request_body = ScheduleChange, responses((status = 200, body = ScheduleView)))]
pub(in crate::http) async fn change(
    State(server): State<Arc<Server>>,
    within: Within<Developer>,
    Segments((_workspace, name, schedule)): Segments<(String, String, String)>,
    Body(wish): Body<ScheduleChange>,
) -> Result<Json<ScheduleView>, ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    let schedule = server.schedule(service.id, &schedule).await?;
    let (by, now) = (within.caller.name, now());
    let put = |ScheduleRecord(kept): &mut ScheduleRecord| {
        *kept = if wish.paused {
            kept.clone().pause(&by, now)
        } else {
            kept.clone().resume(now)
        };
        Ok::<(), ApiError>(())
    };
    let updated = server.records.update(&schedule.id.to_string(), put).await?;
    Ok(Json(ScheduleView::of(&updated.record.0, now)))
}

/// Removes one that was added beside the file.
#[utoipa::path(delete, path = routes::SCHEDULE, tag = "schedules", operation_id = "remove_schedule", params(("workspace" = String, Path), ("service" = String, Path), ("schedule" = String, Path)), responses((status = 204)))]
pub(in crate::http) async fn remove(
    State(server): State<Arc<Server>>,
    within: Within<Developer>,
    Segments((_workspace, name, schedule)): Segments<(String, String, String)>,
) -> Result<StatusCode, ApiError> {
    let (service, _) = server.service(within.tenant, &name).await?;
    let schedule = server.schedule(service.id, &schedule).await?;
    if matches!(schedule.origin, Origin::File { .. }) {
        let file = &service.pipeline_path;
        let message = format!("it is a rule of {file}: remove it there, or pause it here");
        return Err(ApiError::Conflict(message));
    }
    server.remove_schedule(schedule.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn refused(fault: &TimingFault) -> ApiError {
    match fault {
        TimingFault::Cron { at, why } => ApiError::field("cron", format!("{why} (at character {})", at + 1)),
        TimingFault::Zone(_) => ApiError::field("zone", fault.to_string()),
    }
}

impl Server {
    /// Of the file and beside it, by name.
    pub(crate) async fn schedules_of(&self, service: ServiceId) -> Result<Vec<Schedule>, ApiError> {
        // Twice the bound of each: those of the file, and those beside it.
        let query = Query::over(kinds::SCHEDULE_NAME)
            .equal(service.to_string())
            .limit(2 * MAX_SCHEDULES);
        let page = self.records.find(query).await?;
        let records = self.records.load_page::<ScheduleRecord>(&page).await?;
        Ok(records
            .into_iter()
            .map(|(ScheduleRecord(schedule), _)| schedule)
            .collect())
    }

    /// By its id or its name.
    async fn schedule(&self, service: ServiceId, named: &str) -> Result<Schedule, ApiError> {
        let all = self.schedules_of(service).await?;
        let is_meant = |one: &Schedule| one.name == named || one.id.to_string() == named;
        let found = all.into_iter().find(is_meant);
        found.ok_or_else(|| ApiError::not_found("schedule", named))
    }

    /// The schedules of a service that is removed.
    pub(super) async fn forget_schedules(&self, service: ServiceId) -> Result<(), ApiError> {
        for schedule in self.schedules_of(service).await? {
            self.remove_schedule(schedule.id).await?;
        }
        Ok(())
    }

    /// Removes one, also while its loop writes to it.
    pub(crate) async fn remove_schedule(&self, id: ScheduleId) -> Result<(), ApiError> {
        let id = id.to_string();
        while let Some((_, version)) = self.records.load::<ScheduleRecord>(&id).await? {
            match self.records.delete::<ScheduleRecord>(&id, version).await {
                Err(RecordError::Store(StoreError::Stale { .. })) => {}
                other => return Ok(other?),
            }
        }
        Ok(())
    }
}
