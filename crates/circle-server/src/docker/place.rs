//! `tcp://host:port`, and nothing else: what judges an engine's address and what connects to it read the same host.

use std::fmt;

use url::{Host, Url};

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    host: Host,
    port: u16,
}

impl Place {
    /// Reads `tcp://host:port`; `None` for what has anything else in it, such as a user, a path or an escape.
    pub(crate) fn of(endpoint: &str) -> Option<Self> {
        let place = endpoint.strip_prefix("tcp://")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:[]".contains(&byte);
        let (_, port) = place.rsplit_once(':')?;
        if !place.bytes().all(plain) {
            return None;
        }
        let url = Url::parse(&format!("http://{place}/")).ok()?;
        let host = url.host()?.to_owned();
        let port = port.parse().ok().filter(|port| *port != 0)?;
        Some(Self { host, port })
    }

    /// The host as a resolver wants it.
    pub(super) fn host(&self) -> String {
        match &self.host {
            Host::Ipv6(address) => address.to_string(),
            other => other.to_string(),
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

/// As it stands in an address.
impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn an_address_is_a_host_and_a_port_and_is_read_once() {
        for (text, host, place) in [
            ("tcp://node:2376", "node", "node:2376"),
            ("tcp://Node.Example.org:80", "node.example.org", "node.example.org:80"),
            ("tcp://10.0.0.1:2375", "10.0.0.1", "10.0.0.1:2375"),
            ("tcp://0x7f.1:2375", "127.0.0.1", "127.0.0.1:2375"),
            ("tcp://[::1]:2375", "::1", "[::1]:2375"),
        ] {
            let read = Place::of(text).expect(text);
            assert_eq!((read.host().as_str(), read.to_string().as_str()), (host, place));
        }
    }

    #[test]
    fn sec_42_an_address_that_two_readers_could_read_in_two_ways_is_none() {
        for text in [
            r"tcp://127.0.0.1:2375\@example.com:80/..",
            "tcp://127.0.0.1:2375@example.com:80",
            "tcp://example.com:80/path",
            "tcp://example.com:80?query",
            "tcp://example.com:80#part",
            "tcp://a%62.example.com:80",
            "tcp://ex\u{e4}mple.com:80",
            "tcp://example.com",
            "tcp://example.com:0",
            "tcp://example.com:99999",
            "tcp://:80",
            "tcp://::1",
            "tcp://[::1]2375",
            "tcp://a b:1",
            "tcp://",
            "http://example.com:80",
        ] {
            assert_eq!(Place::of(text), None, "{text}");
        }
    }
}
