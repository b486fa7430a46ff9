//! The credential of one part of one run: the run's token and the lease's fence, both current.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use circle_api::worker::FENCE_HEADER;
use circle_core::ids::{RunId, WorkerId};
use circle_core::run::{PartState, Run};
use circle_store::records::Version;

use super::tokens::{bearer, hash_of, same};
use super::worker::check_protocol;
use crate::http::ApiError;
use crate::records::RunRecord;
use crate::server::Server;

/// A worker that holds a part now. Whoever has this may report on that part, and on nothing else.
#[derive(Debug)]
pub(crate) struct RunLease {
    pub(crate) run: Run,
    /// The run's, as it was read for this request.
    pub(crate) version: Version,
    pub(crate) part: usize,
    /// Who took it.
    pub(crate) worker: WorkerId,
    pub(crate) attempt: u32,
    pub(crate) fence: u64,
}

impl FromRequestParts<Arc<Server>> for RunLease {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        check_protocol(&parts.headers)?;
        let value = bearer(&parts.headers).ok_or(ApiError::NoCredential)?;
        let hash = hash_of(value);
        let id = run_of_path(parts, server).await?;
        let fence = parts.headers.get(FENCE_HEADER).and_then(|value| value.to_str().ok());
        let fence = fence.and_then(|text| text.parse().ok());
        let found = server.records.load::<RunRecord>(&id.to_string()).await?;
        let Some((RunRecord(run), version)) = found else {
            return Err(ApiError::BadCredential);
        };
        held((run, version), &hash, fence)
    }
}

async fn run_of_path(parts: &mut Parts, server: &Arc<Server>) -> Result<RunId, ApiError> {
    let path = Path::<HashMap<String, String>>::from_request_parts(parts, server).await;
    let Path(values) = path.map_err(|_| ApiError::BadCredential)?;
    let run = values.get("run").and_then(|text| text.parse().ok());
    run.ok_or(ApiError::BadCredential)
}

/// A token that fits no leased part is an old one or a foreign one: the answer is the same, stop.
fn held((run, version): (Run, Version), hash: &str, fence: Option<u64>) -> Result<RunLease, ApiError> {
    let fitting = run
        .parts
        .iter()
        .position(|part| part.token_hash.as_deref().is_some_and(|known| same(known, hash)));
    let Some(part) = fitting else {
        return Err(ApiError::LeaseGone);
    };
    let PartState::Leased {
        worker, fence: current, ..
    } = run.parts[part].state
    else {
        return Err(ApiError::LeaseGone);
    };
    if fence != Some(current) {
        return Err(ApiError::LeaseGone);
    }
    let attempt = run.parts[part].attempt;
    Ok(RunLease {
        run,
        version,
        part,
        worker,
        attempt,
        fence: current,
    })
}
