//! One-time tokens for new workers.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use circle_store::records::{StoreError, Version};

use super::tokens::presented;
use crate::http::ApiError;
use crate::records::{TokenKind, TokenRecord};
use crate::server::Server;

/// A valid enrolment token that was not used up yet.
#[derive(Debug)]
pub(crate) struct EnrolmentToken {
    token: TokenRecord,
    version: Version,
}

impl FromRequestParts<Arc<Server>> for EnrolmentToken {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        let (token, version) = presented(server, &parts.headers, TokenKind::Enrolment).await?;
        Ok(Self { token, version })
    }
}

impl EnrolmentToken {
    /// What it lets in.
    pub(crate) fn record(&self) -> &TokenRecord {
        &self.token
    }

    /// Uses it up. Of many who try, one succeeds.
    pub(crate) async fn consume(self, server: &Server) -> Result<(), ApiError> {
        let id = self.token.id.to_string();
        match server.records.delete::<TokenRecord>(&id, self.version).await {
            Ok(()) => Ok(()),
            Err(circle_store::records::RecordError::Store(StoreError::Stale { .. })) => Err(ApiError::BadCredential),
            Err(error) => Err(error.into()),
        }
    }
}
