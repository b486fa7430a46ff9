//! The credential of the API.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::tokens::presented;
use crate::http::ApiError;
use crate::records::{TokenKind, TokenRecord};
use crate::server::Server;
use crate::time::now_ms;

/// `used_at` is kept to the minute, so that reading does not write.
const USED_STEP_MS: i64 = 60_000;

/// Somebody with an administrator's token.
#[derive(Debug)]
pub(crate) struct Administrator {
    /// The token's name: the actor of what follows.
    pub(crate) name: String,
}

impl FromRequestParts<Arc<Server>> for Administrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        let (token, _) = presented(server, &parts.headers, TokenKind::Administrator).await?;
        note_use(server, &token).await;
        Ok(Self { name: token.name })
    }
}

async fn note_use(server: &Server, token: &TokenRecord) {
    let now = now_ms();
    if token.used_at.is_some_and(|at| now - at < USED_STEP_MS) {
        return;
    }
    let set = |record: &mut TokenRecord| {
        record.used_at = Some(now);
        Ok::<(), Infallible>(())
    };
    // The time of use is a courtesy: a full disk must not lock an administrator out.
    if let Err(error) = server.records.update(&token.id.to_string(), set).await {
        tracing::debug!(%error, token = %token.id, "the time of a token's use was not written");
    }
}
