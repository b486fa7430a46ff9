//! Workers: who they are comes from their token only.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use circle_api::worker::{ISOLATION_HEADER, PROTOCOL_HEADER, PROTOCOL_VERSION};
use circle_core::ids::WorkerId;
use circle_core::run::Run;
use circle_core::serving::{Isolation, Reach};

use super::tokens::presented;
use crate::http::ApiError;
use crate::records::{Posting, TokenKind, WorkerRecord};
use crate::server::Server;

/// An enrolled worker.
#[derive(Debug)]
pub(crate) struct WorkerIdentity {
    pub(crate) id: WorkerId,
    pub(crate) record: WorkerRecord,
    isolation: Isolation,
}

impl WorkerIdentity {
    /// Which runs it gets.
    pub(crate) fn reach(&self) -> Reach {
        Reach {
            serves: self.record.serves(),
            isolation: self.isolation,
        }
    }

    /// Whether a run may be its own: one that was started for a run has no other.
    pub(crate) fn takes(&self, run: &Run) -> bool {
        let posted = self.record.posting.is_none_or(|posting| posting.run == run.id);
        posted && self.reach().takes(run.workspace, run.trigger.trust)
    }
}

impl FromRequestParts<Arc<Server>> for WorkerIdentity {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        check_protocol(&parts.headers)?;
        let (token, _) = presented(server, &parts.headers, TokenKind::Worker).await?;
        let id = token.worker.ok_or(ApiError::BadCredential)?;
        let found = server.records.load::<WorkerRecord>(&id.to_string()).await?;
        let (record, _) = found.ok_or(ApiError::BadCredential)?;
        if record.token != token.id {
            return Err(ApiError::BadCredential);
        }
        if let Some(posting) = record.posting {
            check_alive(server, posting).await?;
        }
        // Where the cells of a host end is the business of whoever runs it: strangers' code does not go there.
        let isolation = match record.posting {
            Some(_) => Isolation::Shared,
            None => isolation(&parts.headers),
        };
        Ok(Self { id, record, isolation })
    }
}

/// The credential of a worker that was started for a run dies with the run.
async fn check_alive(server: &Server, posting: Posting) -> Result<(), ApiError> {
    match server.run(posting.run).await? {
        Some((run, _)) if !run.state.is_ended() => Ok(()),
        _ => Err(ApiError::BadCredential),
    }
}

fn isolation(headers: &HeaderMap) -> Isolation {
    let said = headers.get(ISOLATION_HEADER);
    said.map_or_else(Isolation::default, |word| {
        Isolation::from_word(word.to_str().unwrap_or_default())
    })
}

/// Refuses a worker that speaks another version, with a sentence that names both.
pub(crate) fn check_protocol(headers: &HeaderMap) -> Result<(), ApiError> {
    let said = headers
        .get(PROTOCOL_HEADER)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("none");
    if said.parse() == Ok(PROTOCOL_VERSION) {
        return Ok(());
    }
    Err(ApiError::Protocol {
        said: said.chars().take(20).collect(),
    })
}
