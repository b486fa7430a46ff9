//! Deliveries that wait become runs, in order within a service, side by side among services.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use circle_api::worker::Order;
use circle_core::ids::{RunId, ServiceId};
use circle_core::roots::RootAccess;
use circle_core::service::Service;
use circle_store::logs::{Chunk, Entry, LogError, StreamId};
use circle_store::records::Kind;
use tokio::task::JoinSet;

use super::backlog::{Backlog, Batch};
use super::linked::at_its_place;
use super::planning::{Outcome, gave_up, plan_wish};
use super::wish::{NoWish, Wish, understand};
use super::{approved_wish, forge_wish, polling};
use crate::auth::Tenant;
use crate::http::ApiError;
use crate::limits;
use crate::records::{Delivery, DeliveryState, Payload, ServiceRecord};
use crate::runs::{NewRun, PLAN_STAGE};
use crate::server::Server;
use crate::time::now_ms;

/// After a notice: hooks that come in a burst are looked for once.
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// Runs until the server goes down.
pub(super) async fn run(server: Arc<Server>) {
    let mut changes = server.records.store().changes(Kind::Delivery);
    let mut backlog = Backlog::default();
    let mut tasks = JoinSet::new();
    let mut everything = true;
    loop {
        let looked = if everything {
            backlog.look(&server).await
        } else {
            backlog.look_at_new(&server).await
        };
        if let Err(error) = looked {
            tracing::warn!(%error, "deliveries cannot be read; it is tried again");
        }
        everything = false;
        fill(&server, &mut backlog, &mut tasks);
        tokio::select! {
            () = server.shutdown.cancelled() => break,
            () = changes.changed() => tokio::time::sleep(LOOK_PAUSE).await,
            Some(done) = tasks.join_next() => match done {
                Ok(batch) => backlog.done(&batch),
                Err(_) => {
                    tasks.shutdown().await;
                    backlog.forget();
                    everything = true;
                }
            },
            () = tokio::time::sleep(limits::LOOP_PERIOD) => everything = true,
        }
    }
    tasks.shutdown().await;
}

/// Gives every free hand a batch.
fn fill(server: &Arc<Server>, backlog: &mut Backlog, tasks: &mut JoinSet<Batch>) {
    while tasks.len() < limits::DELIVERIES_AT_ONCE {
        let Some(batch) = backlog.next() else { return };
        let server = Arc::clone(server);
        tasks.spawn(async move {
            for delivery in &batch.deliveries {
                handle_logged(&server, delivery).await;
            }
            batch
        });
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
    let Some((delivery, _)) = server.records.load::<Delivery>(id).await? else {
        return Ok(());
    };
    if delivery.state != DeliveryState::Waiting || delivery.next_try_at > now_ms() {
        return Ok(());
    }
    let service = server
        .records
        .load::<ServiceRecord>(&delivery.service.to_string())
        .await?;
    let Some((ServiceRecord(service), _)) = service else {
        return settle(server, id, DeliveryState::refused("the service was removed")).await;
    };
    let (service, wish) = match &delivery.payload {
        Payload::Forge { .. } | Payload::Polled { .. } => forge_wish::understand(server, &delivery, service).await?,
        Payload::Approved { run, by, approver } => {
            let wish = approved_wish::understand(server, &service, *run, (by, *approver)).await?;
            (service, wish)
        }
        Payload::Git { .. } | Payload::Manual(_) | Payload::Schedule(_) => {
            let wish = understand(&delivery, &service);
            (service, wish)
        }
    };
    let wish = match wish {
        Ok(wish) => wish,
        Err(no) => return no_wish(server, &delivery, no).await,
    };
    if polling::was_polled(server, &service, &delivery, &wish).await? {
        let why = "polling had found this push before the call came".to_owned();
        return settle(server, id, DeliveryState::Ignored { why }).await;
    }
    let (service, outcome) = outcome(server, &delivery, service, &wish).await?;
    match outcome {
        Outcome::Run { trigger, planned, log } => {
            // The run's id is the delivery's: handled twice, it is one run.
            let id = RunId::from_uuid(delivery.id.uuid());
            let new = NewRun {
                id,
                service,
                trigger: *trigger,
                planned,
                priority: wish.priority,
                rerun: None,
            };
            make(server, &delivery, new, log).await
        }
        Outcome::Refused { faults } => {
            let why = "the inputs do not fit what the pipeline file declares at this commit".into();
            settle(server, id, DeliveryState::Refused { why, faults }).await
        }
        Outcome::Skip { why } => settle(server, id, DeliveryState::Ignored { why }).await,
        Outcome::Later { why } => {
            tracing::info!(delivery = id, why, "the repository does not answer; the delivery waits");
            postpone(server, id).await;
            Ok(())
        }
    }
}

/// What becomes of a wish, and the service as it is now.
async fn outcome(
    server: &Server,
    delivery: &Delivery,
    service: Service,
    wish: &Wish,
) -> Result<(Service, Outcome), ApiError> {
    let placed = match &delivery.payload {
        // Nobody told where the repository is now.
        Payload::Manual(_) | Payload::Schedule(_) => at_its_place(server, service.clone()).await?,
        _ => Ok(service.clone()),
    };
    let key = format!("delivery:{}", delivery.id);
    let (service, outcome) = match placed {
        Ok(service) => {
            expect(server, &service, wish).await;
            let outcome = plan_wish(server, &service, wish, key.clone()).await?;
            (service, outcome)
        }
        Err(why) => (service, Outcome::Later { why }),
    };
    let outcome = match outcome {
        Outcome::Later { why } if delivery.tries + 1 >= limits::DELIVERY_TRIES => gave_up(wish, key, &why),
        outcome => outcome,
    };
    Ok((service, outcome))
}

async fn no_wish(server: &Server, delivery: &Delivery, no: NoWish) -> Result<(), ApiError> {
    let id = delivery.id.to_string();
    match no {
        NoWish::Ignored(why) => settle(server, &id, DeliveryState::Ignored { why }).await,
        NoWish::Refused(why) => settle(server, &id, DeliveryState::refused(why)).await,
        NoWish::Later(why) if delivery.tries + 1 >= limits::DELIVERY_TRIES => {
            let why = format!("{why}; it was tried again and again without success");
            settle(server, &id, DeliveryState::refused(why)).await
        }
        NoWish::Later(why) => {
            tracing::info!(delivery = id, why, "a delivery cannot be judged yet; it waits");
            postpone(server, &id).await;
            Ok(())
        }
    }
}

/// Lets the worker that will probably have the run start its cell while the run is planned. A guess: nothing depends on it.
async fn expect(server: &Server, service: &Service, wish: &Wish) {
    let Ok(environments) = server.environments(Tenant::of_service(service)).await else {
        return;
    };
    let coming = (&wish.event, &wish.git_ref, wish.trust);
    let roots = RootAccess::expected(coming, service, &environments);
    if !roots.reads.is_empty() {
        server.queue.tell_idle(service.workspace, Order::Expect { roots });
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
    let end = Entry::End {
        stream: stream.clone(),
        offset: bytes.len() as u64,
    };
    let chunk = Entry::Chunk(Chunk {
        stream,
        sequence: 0,
        offset: 0,
        bytes,
    });
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
