//! Cookies: scripts cannot read them, other sites cannot send them.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderValue};
use circle_api::worker::SecretValue;

use crate::http::ApiError;
use crate::server::Server;

/// A cookie of this server.
#[derive(Debug)]
pub(crate) struct Cookie {
    name: String,
    secure: bool,
}

impl Cookie {
    /// One of this name.
    pub(super) fn plain(server: &Server, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            secure: server.config.url.starts_with("https:"),
        }
    }

    /// One that, over https, no other server of the same domain can set either: browsers see to that by its name.
    pub(crate) fn new(server: &Server, name: &str) -> Self {
        let mut cookie = Self::plain(server, name);
        if cookie.secure {
            cookie.name = format!("__Host-{name}");
        }
        cookie
    }

    /// The cookies of such a name's beginning that the browser sent, the oldest first, as browsers order them.
    pub(crate) fn beginning(&self, headers: &HeaderMap) -> Vec<Self> {
        let sent = pairs(headers).filter(|(name, _)| name.starts_with(&self.name));
        let cookie = |(name, _): (&str, &str)| Self {
            name: name.to_owned(),
            secure: self.secure,
        };
        sent.map(cookie).collect()
    }

    /// What the browser sent.
    pub(crate) fn read<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        value(headers, &self.name)
    }

    /// The header that sets it for so many seconds; 0 takes it away.
    pub(crate) fn set(&self, value: &SecretValue, seconds: i64) -> Result<HeaderValue, ApiError> {
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}",
            self.name,
            value.expose()
        );
        let mut header = HeaderValue::try_from(text).map_err(|error| ApiError::Internal(error.to_string()))?;
        header.set_sensitive(true);
        Ok(header)
    }
}

/// The value of a cookie among those that the browser sent.
pub(super) fn value<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    pairs(headers).find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;

    use super::value;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        assert_eq!(value(&headers, "circle_session"), None);
        headers.insert(
            "cookie",
            "theme=dark; circle_session=abc; x=y".parse().expect("a header"),
        );
        assert_eq!(value(&headers, "circle_session"), Some("abc"));
    }
}
