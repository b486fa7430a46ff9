//! The one table from what went wrong to what a client is told. Internal text goes to the log only.

use axum::Json;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use circle_api::resources::{PROBLEM_CONTENT_TYPE, Problem, ProblemEntry};
use circle_api::worker::{LogHole, PROTOCOL_VERSION};
use circle_core::members::Role;
use circle_core::run::ApplyError;
use circle_store::blobs::BlobError;
use circle_store::leases::LeaseError;
use circle_store::logs::LogError;
use circle_store::records::{RecordError, StoreError, UpdateError};
use uuid::Uuid;

use crate::identity::SignInError;
use crate::vault::VaultError;

/// Why a request is not answered with what was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    #[error("this needs a token: send it as `Authorization: Bearer <token>`")]
    NoCredential,
    #[error("the credential is not valid here: it is unknown, of another kind, expired, revoked or used up")]
    BadCredential,
    #[error("this needs the role {needs} in the workspace, and you have {has}: ask an admin of the workspace for it")]
    Role { has: Role, needs: Role },
    #[error("this concerns the whole server: it needs an administrator of the server")]
    NotInstance,
    #[error("a token with a scope or a workspace cannot do this: sign in, or use a token with all your rights")]
    LimitedToken,
    #[error("a browser asked this from a page of another site: open Circle's own page")]
    ForeignSite,
    #[error("the name or the password is wrong")]
    WrongPassword,
    /// An identity provider did not lead to an account.
    #[error("{0}")]
    SignIn(SignInError),
    #[error("the link is unknown, expired or used up: ask for another one")]
    DeadLink,
    #[error("the signature does not fit the body and the service's secret")]
    BadSignature,
    #[error("the lease on this run is gone: end its cell and say nothing more of it")]
    LeaseGone,
    #[error(
        "this server speaks worker protocol {PROTOCOL_VERSION}, the worker speaks {said}: install the server's version of Circle on the worker"
    )]
    Protocol { said: String },
    #[error("there is no {what} \"{name}\"")]
    NotFound { what: &'static str, name: String },
    #[error(
        "the outputs of stage \"{stage}\" are gone: they are kept for {days} days (--keep-days); run it again with `circle rerun`"
    )]
    OutputGone { stage: String, days: u32 },
    #[error("there is nothing at this address")]
    NoRoute,
    #[error("this address does not take this method")]
    Method,
    #[error("it was changed meanwhile, or is another thing: read it again and change what it is now")]
    Precondition,
    #[error("this Idempotency-Key was used for another call: give each call a key of its own")]
    KeyUsed,
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    Invalid(String),
    #[error("{} faults in the request", .0.len())]
    Faults(Vec<ProblemEntry>),
    #[error("{0}")]
    TooLarge(String),
    #[error("bytes={0} lie outside the log")]
    Range(String),
    #[error("a chunk is missing before this one")]
    Hole(LogHole),
    #[error("{0}")]
    Busy(String),
    #[error("the disk of the server is full: make room, then try again")]
    Full,
    #[error("the server cannot do this now: {0}")]
    Unavailable(String),
    /// Another server does not answer; what it is stands in the text.
    #[error("{0}")]
    Upstream(String),
    #[error("{0}")]
    Internal(String),
}

impl ApiError {
    /// Something is not there.
    pub(crate) fn not_found(what: &'static str, name: impl ToString) -> Self {
        Self::NotFound {
            what,
            name: name.to_string().chars().take(80).collect(),
        }
    }

    /// One field of the request is not as it must be.
    pub(crate) fn field(field: &str, message: impl Into<String>) -> Self {
        Self::Faults(vec![ProblemEntry {
            field: Some(field.to_owned()),
            message: message.into(),
        }])
    }

    /// Status, kind, title.
    fn row(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoCredential => (StatusCode::UNAUTHORIZED, "unauthorized", "a credential is needed"),
            Self::BadCredential => (StatusCode::UNAUTHORIZED, "unauthorized", "the credential is not valid"),
            Self::Role { .. } | Self::NotInstance | Self::LimitedToken => {
                (StatusCode::FORBIDDEN, "forbidden", "the role does not reach")
            }
            Self::ForeignSite => (StatusCode::FORBIDDEN, "foreign-site", "asked from another site"),
            Self::WrongPassword => (
                StatusCode::UNAUTHORIZED,
                "password",
                "the name or the password is wrong",
            ),
            Self::SignIn(_) => (StatusCode::UNAUTHORIZED, "sign-in", "nobody was signed in"),
            Self::DeadLink => (StatusCode::UNAUTHORIZED, "link", "the link does not work"),
            Self::BadSignature => (StatusCode::UNAUTHORIZED, "signature", "the signature is not valid"),
            Self::LeaseGone => (StatusCode::CONFLICT, "lease-gone", "the lease is gone"),
            Self::Protocol { .. } => (
                StatusCode::UPGRADE_REQUIRED,
                "protocol",
                "another protocol version is needed",
            ),
            Self::NotFound { .. } | Self::OutputGone { .. } | Self::NoRoute => {
                (StatusCode::NOT_FOUND, "not-found", "not found")
            }
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, "method", "the method is not allowed"),
            Self::Precondition => (StatusCode::PRECONDITION_FAILED, "changed", "it was changed meanwhile"),
            Self::KeyUsed => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "key-used",
                "the key was used for another call",
            ),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict", "in conflict with what is there"),
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid", "the request is not understood"),
            Self::Faults(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "the request is refused"),
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "too large"),
            Self::Range(_) => (StatusCode::RANGE_NOT_SATISFIABLE, "range", "outside the log"),
            Self::Hole(_) => (StatusCode::CONFLICT, "log-hole", "a chunk is missing"),
            Self::Busy(_) => (StatusCode::TOO_MANY_REQUESTS, "busy", "too much at once"),
            Self::Full => (StatusCode::INSUFFICIENT_STORAGE, "full", "the disk is full"),
            Self::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "not available now"),
            Self::Upstream(_) => (StatusCode::BAD_GATEWAY, "upstream", "another server does not answer"),
            Self::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "a fault of the server"),
        }
    }

    /// What the client reads.
    fn detail(&self) -> String {
        match self {
            Self::Internal(_) => "the server failed: its log has the request's id and the reason".into(),
            Self::Unavailable(_) => "the server cannot do this now: try again in a moment".into(),
            Self::Faults(faults) if faults.len() == 1 => faults[0].message.clone(),
            other => other.to_string(),
        }
    }

    fn errors(&self) -> Vec<ProblemEntry> {
        match self {
            Self::Faults(faults) => faults.clone(),
            _ => Vec::new(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Hole(hole) = &self {
            return (StatusCode::CONFLICT, Json(hole)).into_response();
        }
        let (status, kind, title) = self.row();
        let instance = Uuid::now_v7().simple().to_string();
        if matches!(self, Self::Internal(_) | Self::Unavailable(_) | Self::Full) {
            tracing::error!(request = instance, error = %self, "a request failed");
        }
        let problem = Problem {
            kind: format!("circle:{kind}"),
            title: title.into(),
            status: status.as_u16(),
            detail: self.detail(),
            instance: Some(instance),
            errors: self.errors(),
        };
        let mut response = (status, Json(problem)).into_response();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_CONTENT_TYPE));
        if status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert("www-authenticate", HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { kind, index } => {
                Self::Conflict(format!("there is another {kind} with the same {index}: choose another"))
            }
            StoreError::Stale { .. } => Self::Conflict("somebody else changed it meanwhile: read it again".into()),
            StoreError::TooLarge { what, limit, .. } => {
                Self::TooLarge(format!("the {what} is larger than {limit} bytes"))
            }
            StoreError::Full => Self::Full,
            StoreError::Unavailable { reason } => Self::Unavailable(reason),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<RecordError> for ApiError {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Store(error) => error.into(),
            other => Self::Internal(chain(&other)),
        }
    }
}

impl From<UpdateError<ApiError>> for ApiError {
    fn from(error: UpdateError<ApiError>) -> Self {
        match error {
            UpdateError::Missing { kind, id } => Self::not_found(kind.name(), id),
            UpdateError::Refused(error) => error,
            UpdateError::Contended { .. } => Self::Unavailable(error.to_string()),
            UpdateError::Record(error) => error.into(),
        }
    }
}

impl From<UpdateError<ApplyError>> for ApiError {
    fn from(error: UpdateError<ApplyError>) -> Self {
        match error {
            UpdateError::Missing { kind, id } => Self::not_found(kind.name(), id),
            UpdateError::Refused(error) => error.into(),
            UpdateError::Contended { .. } => Self::Unavailable(error.to_string()),
            UpdateError::Record(error) => error.into(),
        }
    }
}

impl From<ApplyError> for ApiError {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::StaleLease | ApplyError::Ended => Self::LeaseGone,
            ApplyError::UnknownStage { .. } | ApplyError::UnknownPart { .. } => Self::Invalid(error.to_string()),
            ApplyError::OutOfOrder { .. } | ApplyError::WrongState { .. } => Self::Conflict(error.to_string()),
        }
    }
}

impl From<LeaseError> for ApiError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Held(_) => Self::Conflict("another worker has it".into()),
            LeaseError::Lost { .. } => Self::LeaseGone,
            LeaseError::Unavailable { reason } => Self::Unavailable(reason),
            LeaseError::Invalid { reason } => Self::Internal(reason),
        }
    }
}

impl From<LogError> for ApiError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Superseded { .. } | LogError::Closed => Self::LeaseGone,
            LogError::Missing => Self::not_found("log", "of this stage"),
            LogError::TooLarge { what, limit, .. } => Self::TooLarge(format!("the {what} is larger than {limit}")),
            LogError::Full => Self::Full,
            LogError::Unavailable { reason } => Self::Unavailable(reason),
            LogError::Hole { .. } => Self::Conflict("a chunk or a mark is missing before this one".into()),
            LogError::Corrupt { reason } => Self::Internal(reason),
            LogError::Invalid { reason } => Self::Invalid(reason),
        }
    }
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::Missing(digest) => Self::not_found("output", digest),
            BlobError::TooLarge { .. } => Self::TooLarge(error.to_string()),
            BlobError::Source { reason } => Self::Invalid(reason),
            BlobError::Full => Self::Full,
            BlobError::Unavailable { reason } => Self::Unavailable(reason),
            BlobError::Corrupt(_) | BlobError::Invalid { .. } => Self::Internal(error.to_string()),
        }
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Down { .. } => Self::Upstream(error.to_string()),
            SignInError::Taken { .. } => Self::Conflict(error.to_string()),
            other => Self::SignIn(other),
        }
    }
}

impl From<VaultError> for ApiError {
    fn from(error: VaultError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// An error with its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    text
}
