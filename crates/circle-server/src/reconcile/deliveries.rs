//! Deliveries that wait become runs, in order within a service, side by side among services.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use circle_core::ids::{RunId, ServiceId};
use circle_core::service::Service;
use circle_store::logs::{Chunk, Entry, LogError, StreamId};
use circle_store::records::{FindAll, Kind, Query, StoreError, kinds};
use tokio::task::JoinSet;

use super::planning::{Outcome, gave_up, plan_wish};
use super::wish::{NoWish, understand};
use crate::http::ApiError;
use crate::limits;
use crate::records::{Delivery, DeliveryState, ServiceRecord};
use crate::runs::{NewRun, PLAN_STAGE};
use crate::server::Server;
use crate::time::now_ms;

/// Runs until the server goes down.
pub(super) async fn run(server: Arc<Server>) {
    let mut changes = server.records.store().changes(Kind::Delivery);
    let mut tasks = JoinSet::new();
    let mut busy = HashSet::new();
    loop {
        match waiting(&server, &busy).await {
            Ok(next) => {
                for (service, delivery) in next.into_iter().take(limits::DELIVERIES_AT_ONCE.saturating_sub(busy.len())) {
                    busy.insert(service);
                    let server = Arc::clone(&server);
                    tasks.spawn(async move {
                        handle_logged(&server, &delivery).await;
                        service
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "deliveries cannot be read; it is tried again"),
        }
        tokio::select! {
            () = server.shutdown.cancelled() => break,
            () = changes.changed() => {}
            Some(done) = tasks.join_next() => match done {
                Ok(service) => drop(busy.remove(&service)),
                // A delivery whose task panicked is looked at again; its service must not stay busy for ever.
                Err(_) => busy.clear(),
            },
            () = tokio::time::sleep(limits::LOOP_PERIOD) => {}
        }
    }
    tasks.shutdown().await;
}

/// The oldest due delivery of each service that is not busy: a flood of one service does not delay the others.
async fn waiting(server: &Server, busy: &HashSet<ServiceId>) -> Result<Vec<(ServiceId, String)>, StoreError> {
    if busy.len() >= limits::DELIVERIES_AT_ONCE {
        return Ok(Vec::new());
    }
    let query = Query::over(kinds::DELIVERY_STATE).equal("waiting").limit(1000);
    let mut pages = FindAll::new(server.records.store().as_ref(), query);
    let mut first: HashMap<ServiceId, ()> = HashMap::new();
    let mut found = Vec::new();
    while let Some(heads) = pages.next().await? {
        for head in heads {
            let service = head.text("/service").and_then(|text| text.parse().ok());
            let Some(service) = service else { continue };
            if busy.contains(&service) || first.insert(service, ()).is_some() {
                continue;
            }
            if is_due(server, &head.id).await? {
                found.push((service, head.id));
            }
        }
    }
    Ok(found)
}

async fn is_due(server: &Server, id: &str) -> Result<bool, StoreError> {
    match server.records.load::<Delivery>(id).await {
        Ok(Some((delivery, _))) => Ok(delivery.next_try_at <= now_ms()),
        Ok(None) => Ok(false),
        Err(error) => {
            tracing::warn!(delivery = id, %error, "a delivery cannot be read");
            Ok(false)
        }
    }
}

async fn handle_logged(server: &Server, id: &str) {
    if let Err(error) = handle(server, id).await {
        tracing::warn!(delivery = id, %error, "a delivery is tried again");
        // A pause, so that a store in trouble is not asked without end.
        postpone(server, id).await;
    }
}

async fn handle(server: &Server, id: &str) -> Result<(), ApiError> {
    let Some((delivery, _)) = server.records.load::<Delivery>(id).await? else { return Ok(()) };
    if delivery.state != DeliveryState::Waiting {
        return Ok(());
    }
    let service = server.records.load::<ServiceRecord>(&delivery.service.to_string()).await?;
    let Some((ServiceRecord(service), _)) = service else {
        return settle(server, id, DeliveryState::Refused { why: "the service was removed".into() }).await;
    };
    let wish = match understand(&delivery, &service) {
        Ok(wish) => wish,
        Err(NoWish::Ignored(why)) => return settle(server, id, DeliveryState::Ignored { why }).await,
        Err(NoWish::Refused(why)) => return settle(server, id, DeliveryState::Refused { why }).await,
    };
    let key = format!("delivery:{}", delivery.id);
    let outcome = match plan_wish(server, &service, &wish, key.clone()).await? {
        Outcome::Later { why } if delivery.tries + 1 >= limits::DELIVERY_TRIES => gave_up(&wish, key, &why),
        outcome => outcome,
    };
    match outcome {
        Outcome::Run { trigger, planned, log } => {
            // The run's id is the delivery's: handled twice, it is one run.
            let id = RunId::from_uuid(delivery.id.uuid());
            let new = NewRun { id, service, trigger: *trigger, planned, rerun: None };
            make(server, &delivery, new, log).await
        }
        Outcome::Skip { why } => settle(server, id, DeliveryState::Ignored { why }).await,
        Outcome::Later { why } => {
            tracing::info!(delivery = id, why, "the repository does not answer; the delivery waits");
            postpone(server, id).await;
            Ok(())
        }
    }
}

async fn make(server: &Server, delivery: &Delivery, new: NewRun, log: String) -> Result<(), ApiError> {
    let run = new.id;
    write_plan_log(server, run, log).await?;
    let made = server.create_run(new).await?;
    settle(server, &delivery.id.to_string(), DeliveryState::Run { run: made.id }).await
}

/// Written before the run, so that a run that failed to be planned never stands without its reason.
async fn write_plan_log(server: &Server, run: RunId, log: String) -> Result<(), ApiError> {
    if log.is_empty() {
        return Ok(());
    }
    let stream = StreamId::new(PLAN_STAGE, 1);
    let bytes = Bytes::from(log);
    let end = Entry::End { stream: stream.clone(), offset: bytes.len() as u64 };
    let chunk = Entry::Chunk(Chunk { stream, sequence: 0, offset: 0, bytes });
    match server.log_bus.append(&run.to_string(), vec![chunk, end]).await {
        Ok(_) | Err(LogError::Closed) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn settle(server: &Server, id: &str, state: DeliveryState) -> Result<(), ApiError> {
    let set = |delivery: &mut Delivery| {
        delivery.state = state.clone();
        Ok::<(), ApiError>(())
    };
    server.records.update(id, set).await?;
    Ok(())
}

async fn postpone(server: &Server, id: &str) {
    let set = |delivery: &mut Delivery| {
        delivery.tries += 1;
        let pause = 1_000_i64.saturating_mul(1 << delivery.tries.min(10));
        delivery.next_try_at = now_ms().saturating_add(pause.min(limits::DELIVERY_RETRY_MAX_MS));
        Ok::<(), Infallible>(())
    };
    if let Err(error) = server.records.update(id, set).await {
        tracing::warn!(delivery = id, %error, "a delivery was not postponed");
    }
}

impl Server {
    /// The service of a run, for those who only have its id.
    pub(crate) async fn service_by_id(&self, id: ServiceId) -> Result<Service, ApiError> {
        let found = self.records.load::<ServiceRecord>(&id.to_string()).await?;
        Ok(found.ok_or_else(|| ApiError::not_found("service", id))?.0.0)
    }
}
