//! A worker's token, and every secret of its runs, go to it over the way to the server.

use std::net::IpAddr;

use circle_api::client::Endpoint;
use clap::Args;

use crate::exit::Failure;

/// Whether somebody insists on a way that others can read.
#[derive(Debug, Clone, Args)]
pub(super) struct PlainHttp {
    /// Speak plain HTTP with a server on another machine: the token, and every secret of the runs, can be read on the way
    #[arg(long, help_heading = "Worker")]
    allow_plain_http: bool,
}

impl PlainHttp {
    /// Refuses an address that is spoken to in the clear, unless nobody else can hear it or somebody insists.
    pub(super) fn check(&self, server: &str) -> Result<(), Failure> {
        let endpoint: Endpoint = server.parse().map_err(|error| Failure::usage(format!("{error}")))?;
        may_be_spoken_to(&endpoint, self.allow_plain_http)
    }
}

fn may_be_spoken_to(endpoint: &Endpoint, plain_is_allowed: bool) -> Result<(), Failure> {
    let Endpoint::Http(url) = endpoint else { return Ok(()) };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if url.scheme() == "https" || is_here || plain_is_allowed {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{url} is plain HTTP on another machine: the token and every secret of the runs could be read on the way; use https://, or say --allow-plain-http"
    )))
}

#[cfg(test)]
mod tests {
    use circle_api::client::Endpoint;

    use super::may_be_spoken_to;

    #[test]
    fn nothing_secret_goes_over_a_network_in_the_clear() {
        let refused = |text: &str, allowed| {
            let endpoint: Endpoint = text.parse().expect("an address");
            may_be_spoken_to(&endpoint, allowed).is_err()
        };
        for fine in [
            "https://ci.example.org",
            "http://127.0.0.1:8080",
            "http://localhost:8080",
            "http://[::1]:8080",
            "unix:///run/circle.sock",
        ] {
            assert!(!refused(fine, false), "{fine}");
        }
        for heard in [
            "http://ci.example.org",
            "http://10.0.0.7:8080",
            "http://127.0.0.1.example.org",
        ] {
            assert!(refused(heard, false), "{heard}");
            assert!(!refused(heard, true), "{heard}");
        }
    }
}
