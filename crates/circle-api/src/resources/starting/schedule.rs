//! Schedules as people manage them.

use std::collections::BTreeMap;

use circle_core::ids::{DeliveryId, ScheduleId};
use circle_core::names::{BranchName, Slug};
use circle_core::schedule::{Origin, Schedule};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::InputValue;

/// Coming due times that a view tells.
const SHOWN: usize = 3;

/// A schedule beside the file. Its runs count as pushes of the branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleCreate {
    /// Unique in the service.
    #[schema(value_type = String, max_length = 63)]
    pub name: Slug,
    /// Minute, hour, day of the month, month, day of the week: `0 3 * * *`.
    #[schema(max_length = 100)]
    pub cron: String,
    /// Such as `Asia/Shanghai`; `UTC` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// The service's default branch when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub branch: Option<BranchName>,
    /// Values of inputs that its runs have; judged now, and again at the commit of each run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, InputValue>,
}

/// Pauses a schedule, or lets it go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleChange {
    pub paused: bool,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleView {
    #[schema(value_type = String)]
    pub id: ScheduleId,
    /// What it was called, or pattern and zone of the file's rule.
    pub name: String,
    pub from: ScheduleSource,
    pub cron: String,
    pub zone: String,
    /// Absent: the service's default branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub branch: Option<BranchName>,
    /// What its runs are given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    /// Who paused it; absent: nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused_by: Option<String>,
    /// The next due times; none while it is paused.
    pub next: Vec<Timestamp>,
    /// The due time that became a delivery last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<ScheduleFired>,
    /// The due time that was left out last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<ScheduleLeftOut>,
    pub created_at: Timestamp,
}

/// Where a schedule comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleSource {
    /// A rule of the default branch's pipeline file.
    File,
    /// Added beside it.
    Service,
}

/// A due time that became a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleFired {
    pub due: Timestamp,
    /// Its state names the run, or says why there is none.
    #[schema(value_type = String)]
    pub delivery: DeliveryId,
}

/// A due time without a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleLeftOut {
    pub due: Timestamp,
    pub why: String,
}

impl ScheduleView {
    /// The view at a moment.
    pub fn of(schedule: &Schedule, now: Timestamp) -> Self {
        let (from, branch) = match &schedule.origin {
            Origin::File { .. } => (ScheduleSource::File, None),
            Origin::Service { branch, .. } => (ScheduleSource::Service, branch.clone()),
        };
        // What is due and not handled yet is told as the first.
        let next = schedule.next_at.map(|first| {
            let clock = schedule.timing.clock().ok();
            let rest = clock.map(|clock| clock.following(first.max(now), SHOWN - 1));
            std::iter::once(first).chain(rest.unwrap_or_default()).collect()
        });
        Self {
            id: schedule.id,
            name: schedule.name.clone(),
            from,
            cron: schedule.timing.cron.clone(),
            zone: schedule.timing.zone.clone(),
            branch,
            inputs: schedule.inputs.clone(),
            paused_by: schedule.paused.as_ref().map(|paused| paused.by.clone()),
            next: next.unwrap_or_default(),
            last: schedule.last.map(|last| ScheduleFired {
                due: last.due,
                delivery: last.delivery,
            }),
            left_out: schedule.left_out.as_ref().map(|left_out| ScheduleLeftOut {
                due: left_out.due,
                why: left_out.why.clone(),
            }),
            created_at: schedule.created_at,
        }
    }
}
