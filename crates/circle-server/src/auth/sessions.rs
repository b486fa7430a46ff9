//! Sessions of browsers: a cookie that scripts cannot read, other sites cannot send, and that ends by itself.

use axum::http::header::{COOKIE, HeaderValue};
use axum::http::{HeaderMap, Method};
use circle_api::worker::SecretValue;
use circle_core::ids::UserId;
use circle_store::records::{Query, RecordError, StoreError, kinds};

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
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE_NAME).map(|(_, value)| value)
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
    set_cookie(server, &minted.value, ABSOLUTE_MS / 1000)
}

/// The header that takes the cookie away.
pub(crate) fn forget_cookie(server: &Server) -> Result<HeaderValue, ApiError> {
    set_cookie(server, &SecretValue::new(""), 0)
}

fn set_cookie(server: &Server, value: &SecretValue, seconds: i64) -> Result<HeaderValue, ApiError> {
    let secure = if server.config.url.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    let text = format!(
        "{COOKIE_NAME}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}",
        value.expose()
    );
    let mut header = HeaderValue::try_from(text).map_err(|error| ApiError::Internal(error.to_string()))?;
    header.set_sensitive(true);
    Ok(header)
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

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::cookie;

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        assert_eq!(cookie(&headers), None);
        headers.insert(
            "cookie",
            "theme=dark; circle_session=abc; x=y".parse().expect("a header"),
        );
        assert_eq!(cookie(&headers), Some("abc"));
    }
}
