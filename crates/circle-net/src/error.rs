//! Why a call did not succeed.

use std::time::Duration;

use crate::allow::Allow;

/// A call that brought no answer. An answer of whatever status is none of these.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetError {
    /// The rules forbid it.
    #[error(
        "{host} is {address}, a {why} address, which this server calls for nobody: if it is yours, start the server with \
         --allow-outgoing {}",
        Allow::service(host, *port)
    )]
    Denied {
        /// As it stands in the link.
        host: String,
        /// The port that was to be connected to.
        port: u16,
        /// What it resolves to.
        address: std::net::IpAddr,
        /// The kind of address.
        why: &'static str,
    },
    /// What was given is no address that can be called.
    #[error("{0}")]
    Address(String),
    /// Nobody answers there, or not in HTTP.
    #[error("{0}")]
    Unreachable(String),
    /// It took too long.
    #[error("there was no whole answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    /// It is larger than the caller can use.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// It leads from one place to the next.
    #[error("it was redirected more than {0} times")]
    Redirects(u32),
}

impl NetError {
    /// Whether the same call may succeed later without anybody doing anything.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TimedOut(_))
    }
}
