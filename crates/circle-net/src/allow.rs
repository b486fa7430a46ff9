//! What an operator lets the server call all the same.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::Deserialize;

/// One entry of the operator's list.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Allow {
    /// Every address of a network, on every port: `10.1.0.0/16`, `fd12::/16`, or a single address.
    Network(IpNet),
    /// One service by its name or address, as it stands in the link: `git.intern:443`. Whatever addresses the name has.
    Service {
        /// In small letters, without brackets.
        host: String,
        /// The port that is connected to.
        port: u16,
    },
}

/// A text that is no [`Allow`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" names no network and no service: write 10.1.0.0/16, 10.1.2.3 or git.intern:443")]
pub struct AllowError(String);

impl Allow {
    /// The entry that opens this place and no other.
    pub(crate) fn service(host: &str, port: u16) -> Self {
        Self::Service {
            host: host.to_owned(),
            port,
        }
    }

    /// Whether the entry lets a connection to this host, address and port pass.
    pub(crate) fn covers(&self, (host, port): (&str, u16), address: IpAddr) -> bool {
        match self {
            // An address in disguise is the one that it stands for.
            Self::Network(network) => network.contains(&address.to_canonical()),
            Self::Service { host: name, port: open } => *open == port && name == host,
        }
    }
}

impl TryFrom<String> for Allow {
    type Error = AllowError;

    fn try_from(text: String) -> Result<Self, AllowError> {
        text.parse()
    }
}

/// As it is read again.
impl fmt::Display for Allow {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => write!(out, "{network}"),
            Self::Service { host, port } if host.contains(':') => write!(out, "[{host}]:{port}"),
            Self::Service { host, port } => write!(out, "{host}:{port}"),
        }
    }
}

impl FromStr for Allow {
    type Err = AllowError;

    fn from_str(text: &str) -> Result<Self, AllowError> {
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.into()));
        }
        let service = || {
            let (host, port) = text.rsplit_once(':')?;
            let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
            let is_name = !host.is_empty() && !host.contains(['/', '@', '*', ' ']);
            is_name.then_some(())?;
            Some(Self::Service {
                host,
                port: port.parse().ok()?,
            })
        };
        service().ok_or_else(|| AllowError(text.chars().take(80).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::Allow;

    fn covers(entry: &str, host: &str, port: u16, address: &str) -> bool {
        let address: IpAddr = address.parse().expect("an address");
        entry.parse::<Allow>().expect(entry).covers((host, port), address)
    }

    #[test]
    fn networks_and_services_open_what_they_name() {
        assert!(covers("10.1.0.0/16", "git.intern", 443, "10.1.2.3"));
        assert!(covers("10.1.0.0/16", "git.intern", 443, "::ffff:10.1.2.3"));
        assert!(!covers("10.1.0.0/16", "git.intern", 443, "10.2.2.3"));
        assert!(covers("127.0.0.1", "localhost", 3000, "127.0.0.1"));
        assert!(covers("fd12::/16", "x", 1, "fd12::1"));
        assert!(covers("Git.Intern:443", "git.intern", 443, "10.9.9.9"));
        assert!(!covers("git.intern:443", "git.intern", 80, "10.9.9.9"));
        assert!(!covers("git.intern:443", "other.intern", 443, "10.9.9.9"));
        assert!(covers("[::1]:8080", "::1", 8080, "::1"));
        for entry in ["10.1.0.0/16", "[::1]:8080", "git.intern:443"] {
            assert_eq!(entry.parse::<Allow>().expect(entry).to_string(), entry);
        }
    }

    #[test]
    fn what_names_nothing_is_an_error_that_shows_how() {
        for text in [
            "",
            "git.intern",
            "git.intern:0x50",
            "https://git.intern:443",
            "*.intern:443",
            "10.1.0.0/33",
            ":443",
        ] {
            let error = text.parse::<Allow>().expect_err(text);
            assert!(error.to_string().contains("write 10.1.0.0/16"), "{error}");
        }
    }
}
