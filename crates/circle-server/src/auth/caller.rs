//! Who calls the API: the credential of the request, and nothing of what it may do where.

use std::convert::Infallible;
use std::sync::{Arc, OnceLock};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use circle_core::ids::{TokenId, UserId, WorkspaceId};
use circle_core::members::{Limit, Role, Standing};
use circle_core::service::Workspace;
use circle_core::trigger::Approver;

use super::sessions;
use super::tokens::{bearer, token_of_value};
use crate::http::ApiError;
use crate::records::{TokenKind, TokenRecord, UserRecord};
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
    opened: Opened,
}

/// Which workspace was opened while a request was handled; told to the audit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opened(Arc<OnceLock<WorkspaceId>>);

impl Opened {
    /// The first that was.
    pub(crate) fn workspace(&self) -> Option<WorkspaceId> {
        self.0.get().copied()
    }
}

impl FromRequestParts<Arc<Server>> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Arc<Server>) -> Result<Self, ApiError> {
        // The audit asks before the handler does.
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let token = credential(server, parts).await?;
        note_use(server, &token).await;
        Self::of_token(server, token).await?.ok_or(ApiError::BadCredential)
    }
}

/// A token of a program, or the session of a browser, whose changes must come from a page of this server.
async fn credential(server: &Server, parts: &Parts) -> Result<TokenRecord, ApiError> {
    let (value, kinds) = match bearer(&parts.headers) {
        Some(value) => (value, &[TokenKind::Administrator, TokenKind::Personal][..]),
        None => {
            let value = sessions::cookie(&parts.headers).ok_or(ApiError::NoCredential)?;
            sessions::check_site(server, &parts.method, &parts.headers)?;
            (value, &[TokenKind::Session][..])
        }
    };
    let found = token_of_value(server, value).await?;
    let fitting = found.filter(|(token, _)| kinds.contains(&token.kind));
    fitting.map(|(token, _)| token).ok_or(ApiError::BadCredential)
}

impl Caller {
    /// `None` when the account is gone.
    async fn of_token(server: &Server, token: TokenRecord) -> Result<Option<Self>, ApiError> {
        let Some(owner) = token.owner else {
            // The server's own tokens are called by their name.
            let (user, administrator) = (None, token.kind == TokenKind::Administrator);
            return Ok(Some(Self::new(
                token.name,
                token.id,
                (user, administrator, token.limit),
            )));
        };
        let found = server.records.load::<UserRecord>(&owner.to_string()).await?;
        let caller = found.map(|(user, _)| {
            let rights = (Some(user.id), user.administrator, token.limit);
            Self::new(user.name.to_string(), token.id, rights)
        });
        Ok(caller)
    }

    async fn of_token_id(server: &Server, id: TokenId) -> Result<Option<Self>, ApiError> {
        let found = server.records.load::<TokenRecord>(&id.to_string()).await?;
        match found.filter(|(token, _)| token.is_valid(now_ms())) {
            Some((token, _)) => Self::of_token(server, token).await,
            None => Ok(None),
        }
    }

    /// Somebody who just proved who they are, by a password.
    pub(crate) fn of_user(user: &UserRecord) -> Self {
        let no_token = TokenId::from_uuid(uuid::Uuid::nil());
        Self::new(
            user.name.to_string(),
            no_token,
            (Some(user.id), user.administrator, None),
        )
    }

    fn new(
        name: String,
        credential: TokenId,
        (user, administrator, limit): (Option<UserId>, bool, Option<Limit>),
    ) -> Self {
        Self {
            name,
            standing: Standing {
                user,
                administrator,
                limit,
            },
            credential,
            opened: Opened::default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(name: &str) -> Self {
        let credential = TokenId::from_uuid(uuid::Uuid::from_u128(1));
        Self::new(name.to_owned(), credential, (None, false, None))
    }

    /// The same as it stands now; `None` when the credential is gone.
    pub(crate) async fn again(&self, server: &Server) -> Result<Option<Self>, ApiError> {
        Self::of_token_id(server, self.credential).await
    }

    /// As whom a run remembers them that they approved.
    pub(crate) fn as_approver(&self) -> Approver {
        match self.standing.user {
            Some(user) => Approver::User { user },
            None => Approver::Token { token: self.credential },
        }
    }

    /// The approver as they stand now; `None` when the account or the token is gone.
    pub(crate) async fn of_approver(server: &Server, approver: Approver) -> Result<Option<Self>, ApiError> {
        match approver {
            Approver::User { user } => {
                let found = server.records.load::<UserRecord>(&user.to_string()).await?;
                Ok(found.map(|(user, _)| Self::of_user(&user)))
            }
            Approver::Token { token } => Self::of_token_id(server, token).await,
        }
    }

    /// What they may do in a workspace; `None`: they may not know that it is there.
    pub(crate) fn role_in(&self, workspace: &Workspace) -> Option<Role> {
        self.standing.role_in(workspace)
    }

    /// By which token or session they are known.
    pub(crate) fn credential(&self) -> TokenId {
        self.credential
    }

    /// Whose account it is.
    pub(crate) fn user(&self) -> Option<UserId> {
        self.standing.user
    }

    /// Whether they came with all their rights: not with a token that leaves less.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.standing.limit.is_none()
    }

    /// What was opened to them.
    pub(crate) fn opened(&self) -> &Opened {
        &self.opened
    }

    pub(super) fn note_opened(&self, workspace: WorkspaceId) {
        // The first is what the request is about.
        let _ = self.opened.0.set(workspace);
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
