//! The rules with the operator's exceptions, and the connector that enforces them where a connection is made.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower::Service;

use crate::address::judge;
use crate::allow::Allow;
use crate::error::NetError;

/// One of several addresses that does not answer costs so much.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Addresses of a name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Which connections may be made.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    pub(crate) allow: Vec<Allow>,
}

impl Rules {
    /// Whether a connection to this address may be made for a link that names this host and port.
    pub(crate) fn check(&self, place: (&str, u16), address: IpAddr) -> Result<(), NetError> {
        let Some(why) = judge(address) else { return Ok(()) };
        if self.allow.iter().any(|entry| entry.covers(place, address)) {
            return Ok(());
        }
        Err(NetError::Denied {
            host: place.0.to_owned(),
            port: place.1,
            address,
            why: why.word(),
        })
    }

    /// The addresses behind a host. One that is forbidden forbids all: whoever owns the name decides which one is taken.
    pub(crate) async fn resolve(&self, (host, port): (&str, u16)) -> Result<Vec<SocketAddr>, NetError> {
        let unknown = |error: io::Error| NetError::Unreachable(format!("{host} has no address: {error}"));
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await.map_err(unknown)?.collect();
        for address in &found {
            self.check((host, port), address.ip())?;
        }
        Ok(found.into_iter().take(MAX_ADDRESSES).collect())
    }
}

/// Connects to what was judged: the address, in the same breath.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    pub(crate) rules: Arc<Rules>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TcpStream>;
    type Error = NetError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, NetError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NetError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let rules = self.rules.clone();
        Box::pin(async move {
            let usual = if uri.scheme_str() == Some("https") { 443 } else { 80 };
            let host = plain(uri.host().unwrap_or_default());
            let stream = connect(&rules, (&host, uri.port_u16().unwrap_or(usual))).await?;
            Ok(TokioIo::new(stream))
        })
    }
}

/// A host as it is compared and resolved: without brackets and the dot at the end, in small letters.
pub(crate) fn plain(host: &str) -> String {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .trim_end_matches('.')
        .to_ascii_lowercase()
}

/// Connects to the first of the judged addresses that answers.
pub(crate) async fn connect(rules: &Rules, place: (&str, u16)) -> Result<TcpStream, NetError> {
    let mut last = NetError::Unreachable(format!("{} has no address", place.0));
    for address in rules.resolve(place).await? {
        match tokio::time::timeout(CONNECT_TIME, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Requests are written whole; waiting for more of them helps nobody.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => last = NetError::Unreachable(format!("{} at {address}: {error}", place.0)),
            Err(_) => last = NetError::Unreachable(format!("{} at {address} does not answer", place.0)),
        }
    }
    Err(last)
}
