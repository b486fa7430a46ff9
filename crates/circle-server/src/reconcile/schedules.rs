//! Schedules that are due become deliveries: each due time one at most, and after a time in which no server looked one for all
//! that passed.
//!
//! A delivery is called by its schedule and its due time, and no two deliveries have the same name: so a server that dies between the
//! delivery and the note in the schedule, or a second server that looks at the same moment, makes nothing twice.

use std::sync::Arc;
use std::time::Duration;

use circle_core::ids::{DeliveryId, RunId};
use circle_core::schedule::{Fired, LeftOut, Origin, Schedule};
use circle_core::service::Service;
use circle_store::records::{Kind, Query, kinds};
use jiff::Timestamp;
use uuid::Uuid;

use crate::http::{ApiError, store_delivery};
use crate::limits::LOOP_PERIOD;
use crate::records::{Delivery, DeliveryState, Payload, SCHEDULE, ScheduleRecord, ScheduledBody, ServiceRecord};
use crate::server::Server;
use crate::time::now;

/// Due schedules that are read at a time.
const ROUND: usize = 200;

/// Runs until the server goes down.
pub(super) async fn run(server: Arc<Server>) {
    let mut changes = server.records.store().changes(Kind::Schedule);
    loop {
        let next = round(&server, now()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "schedules cannot be looked at; it is tried again");
            None
        });
        tokio::select! {
            () = server.shutdown.cancelled() => return,
            () = changes.changed() => {}
            () = tokio::time::sleep(pause(next, now())) => {}
        }
    }
}

/// Until the next one is due, and never longer than a period: clocks are put forward.
fn pause(next: Option<Timestamp>, now: Timestamp) -> Duration {
    let until = next.and_then(|next| Duration::try_from(next.duration_since(now)).ok());
    // What is due already failed a moment ago.
    until
        .unwrap_or(LOOP_PERIOD)
        .clamp(Duration::from_millis(100), LOOP_PERIOD)
}

/// Everything that is due; gives the next due moment.
async fn round(server: &Server, now: Timestamp) -> Result<Option<Timestamp>, ApiError> {
    let due = Query::over(kinds::SCHEDULE_DUE)
        .at_most(now.as_millisecond())
        .limit(ROUND);
    loop {
        let page = server.records.find(due.clone()).await?;
        for (ScheduleRecord(schedule), _) in server.records.load_page::<ScheduleRecord>(&page).await? {
            fire(server, schedule, now).await?;
        }
        if page.next.is_none() {
            break;
        }
    }
    let first = server.records.find(Query::over(kinds::SCHEDULE_DUE).limit(1)).await?;
    let due = first.heads.first().and_then(|head| head.number("/due"));
    Ok(due.map(crate::time::from_ms))
}

async fn fire(server: &Server, schedule: Schedule, now: Timestamp) -> Result<(), ApiError> {
    let Some(due) = schedule.due(now) else { return Ok(()) };
    let id = schedule.id.to_string();
    let service = server
        .records
        .load::<ServiceRecord>(&schedule.service.to_string())
        .await?;
    let Some((ServiceRecord(service), _)) = service else {
        // Its service was removed while it was made.
        server.remove_schedule(schedule.id).await?;
        return Ok(());
    };
    let change: Box<dyn Fn(Schedule) -> Schedule + Send + Sync> = match unended(server, &schedule).await? {
        Some(why) => {
            tracing::info!(service = %service.name, schedule = %schedule.name, %due, why, "a due time is left out");
            Box::new(move |kept| kept.left_out(LeftOut { due, why: why.clone() }, now))
        }
        None => {
            let delivery = store_delivery(server, delivery(&schedule, &service, due))
                .await?
                .delivery;
            tracing::info!(service = %service.name, schedule = %schedule.name, %due, %delivery, "a schedule is due");
            Box::new(move |kept| kept.fired(Fired { due, delivery }, now))
        }
    };
    let note = |ScheduleRecord(kept): &mut ScheduleRecord| {
        // Unless somebody paused it meanwhile, or another server was here.
        if kept.next_at == Some(due) {
            *kept = change(kept.clone());
        }
        Ok::<(), ApiError>(())
    };
    server.records.update(&id, note).await?;
    Ok(())
}

/// Why its last run stands in the way: runs of one schedule never pile up.
async fn unended(server: &Server, schedule: &Schedule) -> Result<Option<String>, ApiError> {
    let Some(last) = schedule.last else { return Ok(None) };
    // A run has the id of its delivery.
    if let Some((run, _)) = server.run(RunId::from_uuid(last.delivery.uuid())).await? {
        let why = format!("run {} of {} has not ended", run.number, last.due);
        return Ok((!run.state.is_ended()).then_some(why));
    }
    let waits = server.records.load::<Delivery>(&last.delivery.to_string()).await?;
    let waits = waits.is_some_and(|(delivery, _)| delivery.state == DeliveryState::Waiting);
    Ok(waits.then(|| format!("the wish of {} still waits for the repository", last.due)))
}

fn delivery(schedule: &Schedule, service: &Service, due: Timestamp) -> Delivery {
    let received_at = crate::time::now_ms();
    let (branch, rule) = match &schedule.origin {
        Origin::File { .. } => (None, Some(schedule.timing.clone())),
        Origin::Service { branch, .. } => (branch.clone(), None),
    };
    Delivery {
        id: DeliveryId::from_uuid(Uuid::now_v7()),
        workspace: service.workspace,
        service: service.id,
        forge: format!("{SCHEDULE}:{}", service.id),
        delivery_id: format!("{} {due}", schedule.id),
        source: SCHEDULE.into(),
        payload: Payload::Schedule(ScheduledBody {
            name: schedule.name.clone(),
            due,
            branch,
            rule,
            inputs: schedule.inputs.clone(),
        }),
        state: DeliveryState::Waiting,
        received_at,
        tries: 0,
        next_try_at: received_at,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;

    use super::{LOOP_PERIOD, pause};

    #[test]
    fn it_sleeps_until_the_next_one_and_never_long() {
        let now = Timestamp::UNIX_EPOCH;
        let after = |ms| Some(Timestamp::from_millisecond(ms).expect("a moment"));
        assert_eq!(pause(None, now), LOOP_PERIOD);
        assert_eq!(pause(after(2_500), now), Duration::from_millis(2_500));
        assert_eq!(pause(after(86_400_000), now), LOOP_PERIOD);
        assert_eq!(pause(after(0), now), Duration::from_millis(100));
        assert_eq!(
            pause(after(-5_000), now),
            LOOP_PERIOD,
            "it failed: a period, as everywhere"
        );
    }
}
