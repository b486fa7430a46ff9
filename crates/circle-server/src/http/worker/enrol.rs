//! A worker makes itself known.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use circle_api::resources::ProblemEntry;
use circle_api::worker::{Enrol, Enrolled};
use circle_core::ids::{WorkerId, WorkspaceId};
use circle_store::records::{Query, Version, kinds};
use uuid::Uuid;

use crate::auth::{EnrolmentToken, Minted, check_protocol, mint};
use crate::http::{ApiError, Body};
use crate::limits::MAX_CELLS;
use crate::records::{TokenKind, TokenRecord, WorkerRecord};
use crate::server::Server;
use crate::time::now_ms;

/// Longest name and longest fact, in characters.
const MAX_NAME_CHARS: usize = 100;

/// Uses the enrolment token up and answers with the worker's own.
pub(super) async fn enrol(
    State(server): State<Arc<Server>>,
    token: EnrolmentToken,
    headers: HeaderMap,
    Body(wish): Body<Enrol>,
) -> Result<Json<Enrolled>, ApiError> {
    check_protocol(&headers)?;
    check(&wish)?;
    let admission = admit(&server, token.record(), &wish.name).await?;
    let posted = admission
        .known
        .as_ref()
        .is_some_and(|(worker, _)| worker.posting.is_some());
    token.consume(&server).await?;
    let minted = mint(TokenKind::Worker.prefix());
    let worker = keep(&server, wish, admission, &minted).await?;
    if !posted {
        // The file of the first worker is of no use any more.
        let _ = std::fs::remove_file(server.config.data.join("local-enrolment"));
    }
    tracing::info!(%worker, "a worker enrolled");
    Ok(Json(Enrolled {
        worker,
        token: minted.value,
    }))
}

/// What an enrolment comes to.
struct Admission {
    workspace: Option<WorkspaceId>,
    /// The worker whose place is taken, because this was asked for.
    known: Option<(WorkerRecord, Version)>,
}

/// A name that is taken stays with who has it, unless the token was made for that very worker: whoever holds an
/// enrolment token could otherwise become any worker, and get its runs.
async fn admit(server: &Server, token: &TokenRecord, name: &str) -> Result<Admission, ApiError> {
    let by_name = Query::over(kinds::WORKER_NAME).equal(name);
    let known = server.records.load_by::<WorkerRecord>(by_name).await?;
    let workspace = token.workspace;
    let expected = token.worker;
    match (known, expected) {
        (Some((worker, version)), Some(again)) if worker.id == again && worker.workspace == workspace => {
            Ok(Admission {
                workspace,
                known: Some((worker, version)),
            })
        }
        (None, None) => Ok(Admission { workspace, known: None }),
        (Some(_), _) => Err(ApiError::Conflict(format!(
            "a worker named {name} is known already: give this one another name, or have it enrolled again with `circle worker enrol --again {name}`"
        ))),
        (None, Some(_)) => Err(ApiError::Conflict(format!(
            "this token enrols one certain worker again, which is not named {name}"
        ))),
    }
}

async fn keep(server: &Server, wish: Enrol, admission: Admission, minted: &Minted) -> Result<WorkerId, ApiError> {
    let now = now_ms();
    let Admission { workspace, known } = admission;
    let id = known
        .as_ref()
        .map_or_else(|| WorkerId::from_uuid(Uuid::now_v7()), |(worker, _)| worker.id);
    let mut token = minted.record(TokenKind::Worker, &wish.name, now);
    token.worker = Some(id);
    server.records.insert(&token).await?;
    let created_at = known.as_ref().map_or(now, |(worker, _)| worker.created_at);
    let posting = known.as_ref().and_then(|(worker, _)| worker.posting);
    let record = WorkerRecord {
        id,
        name: wish.name,
        facts: wish.facts,
        workspace,
        token: token.id,
        posting,
        draining: false,
        seen_at: Some(now),
        created_at,
    };
    match known {
        Some((before, version)) => {
            server.records.replace(&record, version).await?;
            forget_token(server, &before).await?;
            // One that was started for a run keeps the offer of it, and has had no stream.
            if posting.is_none() {
                server.queue.cut(id);
            }
        }
        None => drop(server.records.insert(&record).await?),
    }
    Ok(id)
}

/// The token that was replaced opens nothing already, because the worker names another; this tidies up.
async fn forget_token(server: &Server, before: &WorkerRecord) -> Result<(), ApiError> {
    let id = before.token.to_string();
    if let Some((_, version)) = server.records.load::<TokenRecord>(&id).await? {
        server.records.delete::<TokenRecord>(&id, version).await?;
    }
    Ok(())
}

fn check(wish: &Enrol) -> Result<(), ApiError> {
    let fault = |field: &str, message: &str| ProblemEntry {
        field: Some(field.into()),
        message: message.into(),
    };
    let mut faults = Vec::new();
    let printable = wish.name.chars().all(|c| c.is_ascii_graphic());
    if wish.name.is_empty() || wish.name.len() > MAX_NAME_CHARS || !printable {
        faults.push(fault(
            "name",
            "a worker's name has 1 to 100 printable characters without spaces",
        ));
    }
    if wish.facts.max_cells == 0 || wish.facts.max_cells > MAX_CELLS {
        faults.push(fault("facts.max_cells", "a worker has 1 to 10,000 cells"));
    }
    if wish.facts.version.len() > MAX_NAME_CHARS || wish.facts.arch.len() > MAX_NAME_CHARS {
        faults.push(fault("facts", "a fact has at most 100 characters"));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(ApiError::Faults(faults))
    }
}
