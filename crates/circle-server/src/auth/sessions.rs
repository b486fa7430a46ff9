//! Sessions of browsers: a cookie that scripts cannot read, other sites cannot send, and that ends by itself.

use axum::http::{HeaderMap, HeaderValue, Method};
use circle_api::worker::SecretValue;
use circle_core::ids::UserId;
use circle_store::records::{Query, RecordError, StoreError, kinds};

use super::cookie::{self, Cookie};
use super::origin::is_own_origin;
use super::tokens::mint;
use crate::http::ApiError;
use crate::records::{TokenKind, TokenRecord, UserRecord};
use crate::server::Server;
use crate::time::now_ms;

const COOKIE_NAME: &str = "circle_session";
/// A session ends so long after its beginning, used or not: a week.
const ABSOLUTE_MS: i64 = 7 * 86_400_000;
/// Tokens that are ended at a time.
const ROUND: usize = 200;

/// The value of the session's cookie.
pub(super) fn cookie(headers: &HeaderMap) -> Option<&str> {
    cookie::value(headers, COOKIE_NAME)
}

/// What a browser does of itself must come from a page of this server.
pub(super) fn check_site(server: &Server, method: &Method, headers: &HeaderMap) -> Result<(), ApiError> {
    let reads = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    if reads || is_own_origin(headers, &server.config.url) {
        Ok(())
    } else {
        Err(ApiError::ForeignSite)
    }
}

/// Begins a session; gives the header that sets its cookie.
pub(crate) async fn begin(server: &Server, user: &UserRecord) -> Result<HeaderValue, ApiError> {
    let minted = mint(TokenKind::Session.prefix());
    let now = now_ms();
    let mut record = minted.record(TokenKind::Session, user.name.as_str(), now);
    record.owner = Some(user.id);
    record.used_at = Some(now);
    record.expires_at = Some(now + ABSOLUTE_MS);
    server.records.insert(&record).await?;
    Cookie::plain(server, COOKIE_NAME).set(&minted.value, ABSOLUTE_MS / 1000)
}

/// The header that takes the cookie away.
pub(crate) fn forget_cookie(server: &Server) -> Result<HeaderValue, ApiError> {
    Cookie::plain(server, COOKIE_NAME).set(&SecretValue::new(""), 0)
}

/// Ends what somebody signed in with; with `all` their tokens and links too.
pub(crate) async fn end_all(server: &Server, user: UserId, all: bool) -> Result<(), ApiError> {
    let of_user = Query::over(kinds::TOKEN_OWNER).equal(user.to_string());
    let query = if all {
        of_user
    } else {
        of_user.equal(TokenKind::Session.word())
    };
    loop {
        let page = server.records.find(query.clone().limit(ROUND)).await?;
        for (token, version) in server.records.load_page::<TokenRecord>(&page).await? {
            match server
                .records
                .delete::<TokenRecord>(&token.id.to_string(), version)
                .await
            {
                // Its last use may be written meanwhile: the next round finds it again.
                Ok(()) | Err(RecordError::Store(StoreError::Stale { .. })) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if page.heads.is_empty() {
            return Ok(());
        }
    }
}
