//! Extractors whose refusals are problem documents.

use std::net::IpAddr;

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;

use super::ApiError;

/// A JSON body of bounded size.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(ApiError))]
pub(crate) struct Body<T>(pub(crate) T);

/// Query parameters.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiError))]
pub(crate) struct Params<T>(pub(crate) T);

/// Parts of the path.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiError))]
pub(crate) struct Segments<T>(pub(crate) T);

/// The address at the other end of a TCP connection. What a proxy says of others is not believed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// The bytes of a body of bounded size, as they came.
#[derive(Debug)]
pub(crate) struct RawBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for RawBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        Ok(Self(Bytes::from_request(request, state).await?))
    }
}

impl From<BytesRejection> for ApiError {
    fn from(rejection: BytesRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::TooLarge("the body is larger than this address takes".into());
        }
        Self::Invalid("the body could not be read to its end".into())
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        match rejection {
            JsonRejection::JsonDataError(error) => Self::Invalid(said(&error.body_text())),
            JsonRejection::JsonSyntaxError(error) => Self::Invalid(said(&error.body_text())),
            JsonRejection::MissingJsonContentType(_) => {
                Self::Invalid("the body must be JSON: send `Content-Type: application/json`".into())
            }
            JsonRejection::BytesRejection(error) => error.into(),
            _ => Self::Invalid("the body could not be read to its end".into()),
        }
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::Invalid(said(&rejection.body_text()))
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        match rejection {
            PathRejection::FailedToDeserializePathParams(error) => Self::Invalid(said(&error.body_text())),
            _ => Self::NoRoute,
        }
    }
}

/// What the parser says of the client's own text, cut.
fn said(text: &str) -> String {
    text.chars().take(500).collect()
}
