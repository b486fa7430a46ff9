//! What concerns the whole server.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::Caller;
use crate::http::ApiError;
use crate::server::Server;

/// Somebody to whom the whole server is open.
#[derive(Debug)]
pub(crate) struct Instance;

impl FromRequestParts<Arc<Server>> for Instance {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, server).await?;
        if caller.is_instance() {
            Ok(Self)
        } else {
            Err(ApiError::NotInstance)
        }
    }
}

/// Somebody with all the rights of their account, or of the server: not by a token that leaves less.
#[derive(Debug)]
pub(crate) struct Unlimited(pub(crate) Caller);

impl FromRequestParts<Arc<Server>> for Unlimited {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        let caller = Caller::from_request_parts(parts, server).await?;
        if caller.is_unlimited() {
            Ok(Self(caller))
        } else {
            Err(ApiError::LimitedToken)
        }
    }
}
