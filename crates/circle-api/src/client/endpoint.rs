//! Where a server listens.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// Where a server listens: `unix:///path`, an absolute path, `http://host[:port]` or `https://host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A socket on this machine; who may open it is decided by its mode.
    Unix(PathBuf),
    /// An address without user, query or fragment.
    Http(Url),
}

/// Why a text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not a server's address: write unix:///path, http://host:port or https://host[:port]")]
pub struct EndpointError {
    text: String,
}

impl Endpoint {
    /// What request paths are appended to. The host is only a name on a unix socket.
    pub(super) fn base(&self) -> String {
        match self {
            Self::Unix(_) => "http://localhost".into(),
            Self::Http(url) => url.as_str().trim_end_matches('/').to_owned(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        let wrong = || EndpointError {
            text: text.chars().take(200).collect(),
        };
        let path = text.strip_prefix("unix://").unwrap_or(text);
        if path.starts_with('/') {
            return Ok(Self::Unix(path.into()));
        }
        let url = Url::parse(text).map_err(|_| wrong())?;
        let plain = url.username().is_empty() && url.password().is_none() && url.query().is_none();
        if matches!(url.scheme(), "http" | "https") && url.has_host() && plain && url.fragment().is_none() {
            Ok(Self::Http(url))
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(out, "unix://{}", path.display()),
            Self::Http(url) => out.write_str(url.as_str().trim_end_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Endpoint;

    #[test]
    fn addresses_read_back_as_they_print() {
        for text in [
            "unix:///run/circle.sock",
            "http://127.0.0.1:8080",
            "https://ci.example.org/circle",
        ] {
            assert_eq!(text.parse::<Endpoint>().expect(text).to_string(), text);
        }
        assert_eq!(
            "/run/circle.sock".parse::<Endpoint>().expect("a path").to_string(),
            "unix:///run/circle.sock"
        );
    }

    #[test]
    fn addresses_with_credentials_or_of_other_kinds_are_refused() {
        for text in [
            "",
            "localhost:8080",
            "ftp://x",
            "http://user:pw@x",
            "http://x/?a=b",
            "run/circle.sock",
        ] {
            text.parse::<Endpoint>().expect_err(text);
        }
    }
}
