//! Who calls the API: the credential of the request, and nothing of what it may do where.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use circle_core::ids::TokenId;
use circle_core::members::{Role, Standing};
use circle_core::service::Workspace;

use super::tokens::presented;
use crate::http::ApiError;
use crate::records::{TokenKind, TokenRecord};
use crate::server::Server;
use crate::time::now_ms;

/// `used_at` is kept to the minute, so that reading does not write.
const USED_STEP_MS: i64 = 60_000;

/// Somebody with a credential of the API.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// What they are called in records: the actor of what follows.
    pub(crate) name: String,
    standing: Standing,
    credential: TokenId,
}

impl FromRequestParts<Arc<Server>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        let (token, _) = presented(server, &parts.headers, TokenKind::Administrator).await?;
        note_use(server, &token).await;
        Ok(Self::of_token(token))
    }
}

impl Caller {
    fn of_token(token: TokenRecord) -> Self {
        let standing = Standing {
            user: None,
            administrator: true,
            limit: token.limit,
        };
        Self {
            name: token.name,
            standing,
            credential: token.id,
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(name: &str) -> Self {
        let standing = Standing {
            user: None,
            administrator: false,
            limit: None,
        };
        Self {
            name: name.to_owned(),
            standing,
            credential: TokenId::from_uuid(uuid::Uuid::from_u128(1)),
        }
    }

    /// The same as it stands now; `None` when the credential is gone.
    pub(crate) async fn again(&self, server: &Server) -> Result<Option<Self>, ApiError> {
        let found = server.records.load::<TokenRecord>(&self.credential.to_string()).await?;
        let valid = found.filter(|(token, _)| token.is_valid(now_ms()));
        Ok(valid.map(|(token, _)| Self::of_token(token)))
    }

    /// What they may do in a workspace; `None`: they may not know that it is there.
    pub(crate) fn role_in(&self, workspace: &Workspace) -> Option<Role> {
        self.standing.role_in(workspace)
    }

    /// Whether they may do what concerns the whole server.
    pub(crate) fn is_instance(&self) -> bool {
        self.standing.is_instance()
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
    // The time of use is a courtesy: a full disk must not lock anybody out.
    if let Err(error) = server.records.update(&token.id.to_string(), set).await {
        tracing::debug!(%error, token = %token.id, "the time of a token's use was not written");
    }
}
