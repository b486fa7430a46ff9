//! Asking for a run by hand: the same way as a hook's, with somebody who waits.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use circle_api::resources::starting::texts;
use circle_api::resources::{ProblemEntry, RunSummary, TriggerRequest, Triggered};
use circle_api::routes;
use circle_core::ids::DeliveryId;
use circle_core::inputs::MAX_INPUTS;
use circle_core::service::Service;
use circle_store::records::Kind;
use uuid::Uuid;

use super::validate::Faults;
use crate::auth::{Developer, Within};
use crate::http::hooks::store;
use crate::http::{ApiError, Body};
use crate::limits::TRIGGER_WAIT;
use crate::records::{Delivery, DeliveryState, MANUAL, ManualBody, Payload};
use crate::server::Server;
use crate::time::now_ms;

/// Starts a run of a branch or tag. 201 with the run, 202 when it was not planned yet.
#[utoipa::path(post, path = routes::RUNS, tag = "runs", operation_id = "trigger", params(("workspace" = String, Path)), request_body = TriggerRequest, responses((status = 201, body = Triggered), (status = 202, body = Triggered)))]
pub(in crate::http) async fn trigger(
    State(server): State<Arc<Server>>,
    within: Within<Developer>,
    Body(wish): Body<TriggerRequest>,
) -> Result<(StatusCode, Json<Triggered>), ApiError> {
    check(&wish)?;
    let (service, _) = server.service(within.tenant, wish.service.as_str()).await?;
    let accepted = store(&server, delivery(&service, wish, within.caller.name)).await?;
    triggered(&server, accepted.delivery).await
}

/// Waits a while for what becomes of a delivery that a person caused.
pub(super) async fn triggered(
    server: &Server,
    delivery: DeliveryId,
) -> Result<(StatusCode, Json<Triggered>), ApiError> {
    let settled = tokio::time::timeout(TRIGGER_WAIT, settled(server, delivery)).await;
    let run = match settled {
        Ok(state) => run_of(server, state?).await?,
        Err(_) => None,
    };
    let status = if run.is_some() {
        StatusCode::CREATED
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(Triggered { delivery, run })))
}

fn check(wish: &TriggerRequest) -> Result<(), ApiError> {
    let both = wish.branch.is_some() && wish.tag.is_some();
    Faults::default()
        .unless(!both, "tag", "give a branch or a tag, not both")
        .text(wish.reason.as_deref(), 800, "reason")
        .unless(
            wish.inputs.len() <= MAX_INPUTS,
            "inputs",
            format!("a run has at most {MAX_INPUTS} inputs"),
        )
        .text(wish.idempotency_key.as_deref(), 100, "idempotency_key")
        .done()
}

fn delivery(service: &Service, wish: TriggerRequest, actor: String) -> Delivery {
    let now = now_ms();
    let id = DeliveryId::from_uuid(Uuid::now_v7());
    let manual = ManualBody {
        branch: wish.branch,
        tag: wish.tag,
        commit: wish.commit,
        reason: wish.reason,
        priority: wish.priority.unwrap_or_default(),
        inputs: texts(wish.inputs),
        actor,
    };
    Delivery {
        id,
        workspace: service.workspace,
        service: service.id,
        forge: format!("{MANUAL}:{}", service.id),
        delivery_id: wish.idempotency_key.unwrap_or_else(|| id.to_string()),
        source: MANUAL.into(),
        payload: Payload::Manual(manual),
        state: DeliveryState::Waiting,
        received_at: now,
        tries: 0,
        next_try_at: now,
    }
}

/// Waits until the reconciler is done with the delivery.
async fn settled(server: &Server, id: DeliveryId) -> Result<DeliveryState, ApiError> {
    let mut changes = server.records.store().changes(Kind::Delivery);
    loop {
        let found = server.records.load::<Delivery>(&id.to_string()).await?;
        let (delivery, _) = found.ok_or_else(|| ApiError::not_found("delivery", id))?;
        if delivery.state != DeliveryState::Waiting {
            return Ok(delivery.state);
        }
        changes.changed().await;
    }
}

async fn run_of(server: &Server, state: DeliveryState) -> Result<Option<RunSummary>, ApiError> {
    match state {
        DeliveryState::Run { run } => Ok(server.run(run).await?.map(|(run, _)| RunSummary::from(&run))),
        DeliveryState::Refused { faults, .. } if !faults.is_empty() => {
            Err(ApiError::Faults(faults.into_iter().map(entry).collect()))
        }
        DeliveryState::Ignored { why } | DeliveryState::Refused { why, .. } => Err(ApiError::Conflict(why)),
        DeliveryState::Waiting => Ok(None),
    }
}

/// A fault of what was asked, as a problem tells it.
pub(super) fn entry((field, message): (String, String)) -> ProblemEntry {
    ProblemEntry {
        field: Some(field),
        message,
    }
}
